package client

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Import is a folder on its way into a node: NDJSON files (*.ndjson, also .gz),
// FHIR bundles and single resources (*.json). Files of patients and of what is
// about nobody go first, since a record is refused whose patient is not known.
//
// What was taken is noted in Journal, so that a broken-off import goes on where
// it was; what was sent and not noted is sent again under the same key, and the
// node does not store it twice.
type Import struct {
	Client  *Client
	Journal string // file; it holds names of files and offsets, no content
	Workers int    // requests at once; 0: 2

	// Progress is called after each answer; Refused for each line or bundle
	// that the node refused. Both from one goroutine at a time.
	Progress func(Tally)
	Refused  func(Refusal)

	mu    sync.Mutex
	tally Tally
	done  map[string]int64 // by file: bytes taken
	note  *os.File
}

// Tally counts an import so far.
type Tally struct {
	Files, FilesDone int
	Bytes, BytesDone int64
	Stored, Refused  int
	Skipped          int // files taken before, by the journal
}

// Refusal is what the node did not take, and why. It holds no content.
type Refusal struct {
	File       string `json:"file"`
	Line       int    `json:"line,omitempty"` // of an NDJSON file, from 1
	Code       string `json:"code"`
	Text       string `json:"text"`
	Hint       string `json:"hint,omitempty"`
	Expression string `json:"expression,omitempty"`
}

// Sizes of a request.
const (
	chunkBytes = 1 << 20 // of NDJSON
	chunkLines = 1_000
	lineBytes  = 10 << 20 // the longest line, which the node's own limit is
)

// Run imports a folder. It stops at the first answer that is no refusal: then
// nothing is lost, and Run goes on from there.
func (im *Import) Run(ctx context.Context, dir string) (Tally, error) {
	files, err := im.open(dir)
	if err != nil {
		return im.tally, err
	}
	defer im.note.Close()
	for _, wave := range im.waves(dir, files) {
		if err := im.wave(ctx, dir, wave); err != nil {
			return im.tally, err
		}
	}
	return im.tally, nil
}

// waves divides files: each wave is done before the next begins. What others may
// refer to goes first.
func (im *Import) waves(dir string, files []string) (out [4][]string) {
	for _, f := range files {
		typ, _, _ := strings.Cut(filepath.Base(f), ".")
		typ, others := strings.TrimRight(typ, "-_0123456789"), 1
		if !strings.Contains(f, ".ndjson") {
			if typ = "Bundle"; im.taken(f) != allTaken {
				typ = typeOf(filepath.Join(dir, f))
			}
			if others = 3; typ == "" || typ == "Bundle" {
				others = 2
			}
		}
		wave := others
		if slices.Contains(nobody, typ) {
			wave = 0
		}
		out[wave] = append(out[wave], f)
	}
	return out
}

// nobody are the types that are about no other patient, and Patient itself.
var nobody = []string{
	"Patient", "Organization", "Practitioner", "PractitionerRole", "Location", "HealthcareService", "Endpoint", "Medication",
	"Substance", "CodeSystem", "ValueSet", "ConceptMap", "StructureDefinition", "Questionnaire", "PlanDefinition", "ActivityDefinition", "Measure", "Library",
}

func (im *Import) open(dir string) ([]string, error) {
	if im.Workers <= 0 {
		im.Workers = 2
	}
	files, err := listFiles(dir)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there is nothing to import in %s: it looks for *.ndjson, *.ndjson.gz and *.json", dir)
	}
	for _, f := range files {
		if info, err := os.Stat(filepath.Join(dir, f)); err == nil {
			im.tally.Bytes += info.Size()
		}
	}
	im.tally.Files = len(files)
	return files, im.readJournal()
}

func listFiles(dir string) (files []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name := strings.TrimSuffix(path, ".gz")
		if err == nil && d.Type().IsRegular() && (strings.HasSuffix(name, ".ndjson") || strings.HasSuffix(path, ".json")) {
			short, _ := filepath.Rel(dir, path)
			files = append(files, short)
		}
		return err
	})
	slices.Sort(files)
	return files, err
}

// noted is one line of the journal.
type noted struct {
	File  string `json:"file"`
	Taken int64  `json:"taken"` // bytes of the unpacked file; -1: all
}

const allTaken = -1

func (im *Import) readJournal() (err error) {
	im.done = make(map[string]int64)
	data, err := os.ReadFile(im.Journal)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the import's journal: %w", err)
	}
	for line := range bytes.Lines(data) {
		var n noted
		if json.Unmarshal(line, &n) == nil { // the last line may be cut off
			im.done[n.File] = n.Taken
		}
	}
	im.note, err = os.OpenFile(im.Journal, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the import's journal: %w", err)
	}
	return nil
}

func (im *Import) wave(ctx context.Context, dir string, files []string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(im.Workers)
	for _, f := range files {
		group.Go(func() error { return im.file(ctx, dir, f) })
	}
	return group.Wait()
}

func (im *Import) file(ctx context.Context, dir, name string) error {
	taken := im.taken(name)
	info, err := os.Stat(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	if taken == allTaken {
		im.count(func(t *Tally) {
			t.FilesDone, t.Skipped, t.BytesDone = t.FilesDone+1, t.Skipped+1, t.BytesDone+info.Size()
		})
		return nil
	}
	if !strings.Contains(name, ".ndjson") {
		err = im.document(ctx, dir, name)
	} else {
		err = im.lines(ctx, dir, name, taken)
	}
	var bad *damaged
	switch {
	case errors.As(err, &bad): // the others are not to blame; once it is mended, it goes on where it broke off
		im.refuse([]Refusal{{File: name, Code: "content-encoding", Text: "the file cannot be unpacked to its end"}})
	case err != nil:
		return fmt.Errorf("importing %s: %w", name, err)
	default:
		if err := im.take(name, allTaken); err != nil {
			return err
		}
	}
	im.count(func(t *Tally) { t.FilesDone, t.BytesDone = t.FilesDone+1, t.BytesDone+info.Size() })
	return nil
}

func (im *Import) taken(name string) int64 {
	im.mu.Lock()
	defer im.mu.Unlock()
	return im.done[name]
}

// take notes how far a file is.
func (im *Import) take(name string, taken int64) error {
	line, err := json.Marshal(noted{name, taken})
	if err != nil {
		return err
	}
	im.mu.Lock()
	defer im.mu.Unlock()
	im.done[name] = taken
	_, err = im.note.Write(append(line, '\n'))
	return err
}

func (im *Import) count(f func(*Tally)) {
	im.mu.Lock()
	defer im.mu.Unlock()
	f(&im.tally)
	if im.Progress != nil {
		im.Progress(im.tally)
	}
}

func (im *Import) refuse(list []Refusal) {
	im.mu.Lock()
	defer im.mu.Unlock()
	im.tally.Refused += len(list)
	for _, r := range list {
		if im.Refused != nil {
			im.Refused(r)
		}
	}
}

// damaged is a file that is not the sound gzip that its name says.
type damaged struct{ cause error }

func (e *damaged) Error() string { return e.cause.Error() }

// unpacked opens a file, unpacking *.gz.
func unpacked(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil || !strings.HasSuffix(path, ".gz") {
		return f, err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, errors.Join(&damaged{err}, f.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{z, f}, nil
}

// lines sends an NDJSON file in chunks of whole lines, from a place on.
func (im *Import) lines(ctx context.Context, dir, name string, taken int64) error {
	file, err := unpacked(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer file.Close()
	c := &chunk{im: im, ctx: ctx, name: name, taken: taken, first: 1}
	in := bufio.NewReaderSize(file, 256<<10)
	for n := 1; ; n++ {
		line, size, err := readLine(in)
		if err != nil && err != io.EOF {
			if strings.HasSuffix(name, ".gz") {
				err = &damaged{err}
			}
			return cmp.Or(c.flush(n), err)
		}
		if size > 0 && line == nil {
			im.refuse([]Refusal{{File: name, Line: n, Code: "too-long", Text: fmt.Sprintf("the line is longer than %d MB", lineBytes>>20)}})
		}
		if c.count == chunkLines || len(c.body)+len(line) > chunkBytes || line == nil {
			if err := c.flush(n); err != nil {
				return err
			}
		}
		c.body, c.at = append(c.body, line...), c.at+size
		if line != nil {
			c.count++
		} else {
			c.first, c.from = n+1, c.at
		}
		if err == io.EOF {
			return c.flush(n + 1)
		}
	}
}

// readLine reads one line with its end; a line that is too long is passed over
// and nil. size is how many bytes it took.
func readLine(in *bufio.Reader) (line []byte, size int64, err error) {
	line = []byte{}
	for {
		part, err := in.ReadSlice('\n')
		size += int64(len(part))
		if size > lineBytes {
			line = nil
		} else {
			line = append(line, part...)
		}
		if err != bufio.ErrBufferFull {
			return line, size, err
		}
	}
}

// chunk gathers lines of one file.
type chunk struct {
	im    *Import
	ctx   context.Context
	name  string
	taken int64 // bytes of the file that the node has
	first int   // number of the first line
	from  int64 // where it stands
	at    int64 // where the last line ends
	body  []byte
	count int
}

// flush sends what was gathered unless the node has it, and begins anew at line
// next.
func (c *chunk) flush(next int) error {
	if len(c.body) > 0 && c.at > c.taken {
		if err := c.im.chunk(c.ctx, c.name, c.first, c.from, c.body); err != nil {
			return err
		}
		if err := c.im.take(c.name, c.at); err != nil {
			return err
		}
	}
	c.body, c.count, c.first, c.from = c.body[:0], 0, next, c.at
	return nil
}

// chunk sends lines, of which the first is number first, and reports what was
// refused.
func (im *Import) chunk(ctx context.Context, name string, first int, from int64, body []byte) error {
	key := im.key(name, from, body)
	a, err := im.send(ctx, "/fhir/$import", "application/fhir+ndjson", key, body)
	if err != nil {
		return err
	}
	if a.Status != http.StatusOK {
		code, text := a.Refusal()
		return fmt.Errorf("status %d (%s): %s", a.Status, code, text)
	}
	var got struct {
		Stored  int
		Refused []Refusal
	}
	if err := json.Unmarshal(a.Body, &got); err != nil {
		return fmt.Errorf("reading the node's answer: %w", err)
	}
	for i := range got.Refused {
		got.Refused[i].File, got.Refused[i].Line = name, got.Refused[i].Line+first-1
	}
	im.refuse(got.Refused)
	im.count(func(t *Tally) { t.Stored += got.Stored })
	return nil
}

func (im *Import) key(name string, from int64, body []byte) string {
	sum := sha256.Sum256(append([]byte(name+"\x00"), body...)) // a name may be a patient's
	return hex.EncodeToString(sum[:16]) + "-" + strconv.FormatInt(from, 10)
}

// begun reports whether the node has answered before.
func (im *Import) begun() bool {
	im.mu.Lock()
	defer im.mu.Unlock()
	return im.tally.Stored+im.tally.Refused > 0
}

// send repeats a request while the node is busy or being started anew, for a
// bounded time.
func (im *Import) send(ctx context.Context, path, contentType, key string, body []byte) (a Answer, err error) {
	header := http.Header{"Content-Type": {contentType}, "Idempotency-Key": {key}}
	for try := range 10 {
		a, err = im.Client.With(ctx, http.MethodPost, path, header, body)
		if err == nil && a.Status != http.StatusServiceUnavailable || err != nil && !im.begun() {
			return a, err
		}
		select {
		case <-ctx.Done():
			return a, ctx.Err()
		case <-time.After(time.Duration(try+1) * 200 * time.Millisecond):
		}
	}
	return a, err
}
