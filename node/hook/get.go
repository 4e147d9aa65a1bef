package hook

import (
	"context"
	"errors"
	"io"
	"net/http"
)

// errLong: the answer is longer than was asked for at most.
var errLong = errors.New("the document is too long")

// Get fetches a document of at most most bytes from an address that others chose,
// with the same rules as Post. ctx bounds how long it may take. The error is a
// *Failure.
func (p *Poster) Get(ctx context.Context, address string, most int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, &Failure{Code: NoConnection}
	}
	req.Header.Set("Accept", "application/json")
	client := p.secure
	if req.URL.Scheme == "http" {
		client = p.plain
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, failure(err, true)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, &Failure{Code: ErrorResponse, Status: res.StatusCode, Sent: true}
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, most+1))
	if err != nil {
		return nil, failure(err, true)
	}
	if int64(len(data)) > most {
		return nil, &Failure{Code: NoResponse, Sent: true, cause: errLong}
	}
	return data, nil
}
