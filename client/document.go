package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A *.json file is one resource. What becomes of it depends on what it is: a
// transaction or batch is sent as it is; of a collection, and of the answer to a
// search, the resources are stored, all or none, under their own ids, and what
// they say of each other by fullUrl is put right; anything else is stored itself.

// document is as much of a file as says what is to become of it.
type document struct {
	ResourceType string
	Type         string
	Entry        []struct {
		FullURL  string
		Resource json.RawMessage
		Search   struct{ Mode string }
	}
}

// errLong says that a file is larger than the node takes.
var errLong = errors.New("the file is too long")

// read reads a file of up to as many bytes as the node takes.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, lineBytes+1))
	if err == nil && len(body) > lineBytes {
		err = errLong
	}
	return body, err
}

// typeOf returns the type of the resource in a file, "" if that cannot be told.
func typeOf(path string) string {
	var d struct{ ResourceType string }
	if body, err := read(path); err != nil || json.Unmarshal(body, &d) != nil {
		return ""
	}
	return d.ResourceType
}

// document sends a *.json file.
func (im *Import) document(ctx context.Context, dir, name string) error {
	body, err := read(filepath.Join(dir, name))
	if errors.Is(err, errLong) {
		im.refuse([]Refusal{{File: name, Code: "too-long", Text: fmt.Sprintf("the file is longer than %d MB", lineBytes>>20)}})
		return nil
	}
	if err != nil {
		return err
	}
	var d document
	if json.Unmarshal(body, &d) != nil || d.ResourceType == "" {
		im.refuse([]Refusal{{File: name, Code: "invalid", Text: "the file is not a FHIR resource in JSON"}})
		return nil
	}
	switch {
	case d.ResourceType == "Bundle" && (d.Type == "collection" || d.Type == "searchset"):
		return im.bundle(ctx, name, d.transaction())
	case d.ResourceType == "Bundle" && (d.Type == "transaction" || d.Type == "batch"):
		return im.bundle(ctx, name, body)
	}
	var line bytes.Buffer
	if err := json.Compact(&line, body); err != nil {
		return err
	}
	return im.chunk(ctx, name, 0, 0, line.Bytes())
}

// transaction makes a transaction of the resources of a bundle. Their bytes are
// kept.
func (d *document) transaction() []byte {
	out, between := []byte(`{"resourceType":"Bundle","type":"transaction","entry":[`), ""
	for _, e := range d.Entry {
		var of struct{ ResourceType, ID string }
		if json.Unmarshal(e.Resource, &of) != nil || e.Search.Mode == "outcome" {
			continue // an entry without a resource has nothing to store
		}
		method, url := http.MethodPost, of.ResourceType
		if of.ID != "" {
			method, url = http.MethodPut, url+"/"+of.ID
		}
		out = append(append(out, between...), `{`...)
		if e.FullURL != "" {
			out = append(append(append(out, `"fullUrl":`...), quoted(e.FullURL)...), ',')
		}
		out = append(append(out, `"resource":`...), e.Resource...)
		out = append(append(out, `,"request":{"method":"`+method+`","url":`...), quoted(url)...)
		out, between = append(out, `}}`...), ","
	}
	return append(out, `]}`...)
}

func quoted(s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		return []byte(`""`)
	}
	return text
}

// bundle sends a transaction or a batch.
func (im *Import) bundle(ctx context.Context, name string, body []byte) error {
	a, err := im.send(ctx, "/fhir", "application/fhir+json", im.key(name, 0, body), body)
	if err != nil {
		return err
	}
	code, text := "", ""
	if a.Status != http.StatusOK {
		code, text = a.Refusal()
	}
	switch {
	case a.Status == http.StatusConflict && code == "duplicate": // taken before
	case a.Status == http.StatusOK:
		n, refused := answered(name, a.Body)
		if said, err := strconv.Atoi(a.Header.Get("Cairn-Stored")); err == nil {
			n = said
		}
		im.refuse(refused)
		im.count(func(t *Tally) { t.Stored += n })
	case a.Status >= 400 && a.Status < 500 && a.Status != http.StatusUnauthorized && a.Status != http.StatusForbidden && a.Status != http.StatusTooManyRequests:
		im.refuse([]Refusal{{File: name, Code: code, Text: text}})
	default:
		return fmt.Errorf("status %d (%s): %s", a.Status, code, text)
	}
	return nil
}

// answered returns how many entries of a bundle were carried out, and those that
// were refused, as they may be of a batch.
func answered(name string, body []byte) (done int, refused []Refusal) {
	var answer struct {
		Entry []struct {
			Response struct {
				Status  string
				Outcome json.RawMessage
			}
		}
	}
	if json.Unmarshal(body, &answer) != nil {
		return 0, nil
	}
	for i, e := range answer.Entry {
		if !strings.HasPrefix(e.Response.Status, "4") && !strings.HasPrefix(e.Response.Status, "5") {
			done++
			continue
		}
		code, text := Answer{Body: e.Response.Outcome}.Refusal()
		refused = append(refused, Refusal{File: name, Code: code, Text: text, Expression: fmt.Sprintf("Bundle.entry[%d]", i)})
	}
	return done, refused
}
