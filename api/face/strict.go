package face

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
)

// Strict decodes one JSON value: unknown members and trailing data are errors.
func Strict(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the value")
	}
	return nil
}

func withNote(ctx context.Context, w *wide) context.Context {
	return context.WithValue(ctx, noteKey{}, w)
}
