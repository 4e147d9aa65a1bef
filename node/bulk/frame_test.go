package bulk

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"cairn/node/fault"
)

func sealing(t *testing.T) (cipher.AEAD, *zstd.Encoder, *zstd.Decoder) {
	t.Helper()
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	dec, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	return aead, enc, dec
}

// fill writes a file of three frames and returns its bytes and lines.
func fill(t *testing.T, path string) (sealed []byte, lines string) {
	t.Helper()
	aead, enc, _ := sealing(t)
	w, err := openWriter(path, "job/0", aead, enc, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		line := strings.Repeat(string(rune('a'+i)), 100)
		if err := w.add([]byte("{\r\n" + line + "}")); err != nil {
			t.Fatal(err)
		}
		if err := w.sync(); err != nil {
			t.Fatal(err)
		}
		lines += "{" + line + "}\n"
	}
	if err := w.file.Close(); err != nil {
		t.Fatal(err)
	}
	if sealed, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	if int64(len(sealed)) != w.size || w.frames != 3 {
		t.Fatalf("%d bytes in %d frames, noted %d", len(sealed), w.frames, w.size)
	}
	return sealed, lines
}

func TestFrames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	sealed, lines := fill(t, path)
	aead, _, dec := sealing(t)
	var got bytes.Buffer
	if err := copyFile(&got, path, "job/0", aead, dec, 3); err != nil || got.String() != lines {
		t.Fatalf("%v: %q", err, got.String())
	}
	if bytes.Contains(sealed, []byte("aaaa")) {
		t.Error("the file shows what is in it")
	}
	size := len(sealed) / 3
	swapped := append(append(append([]byte{}, sealed[size:2*size]...), sealed[:size]...), sealed[2*size:]...)
	for name, bad := range map[string][]byte{"cut off": sealed[:len(sealed)-1], "a frame left out": sealed[:2*size], "frames swapped": swapped, "a huge length": append([]byte{0xff}, sealed[1:]...)} {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := copyFile(&got, path, "job/0", aead, dec, 3); !fault.Is(err, fault.Broken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for at := range sealed {
		bad := bytes.Clone(sealed)
		bad[at] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := copyFile(&got, path, "job/0", aead, dec, 3); !fault.Is(err, fault.Broken) {
			t.Fatalf("byte %d altered: %v", at, err)
		}
	}
	if err := os.WriteFile(path, sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"job/1", "bob/0"} {
		if err := copyFile(&got, path, other, aead, dec, 3); !fault.Is(err, fault.Broken) {
			t.Errorf("read as %s: %v", other, err)
		}
	}
}

// TestFramesGoOn: what a broken-off run wrote after it was last noted is cut
// away.
func TestFramesGoOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	sealed, lines := fill(t, path)
	aead, enc, dec := sealing(t)
	w, err := openWriter(path, "job/0", aead, enc, 2, int64(len(sealed)/3*2))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.add([]byte("{new}")); err != nil {
		t.Fatal(err)
	}
	if err := w.sync(); err != nil {
		t.Fatal(err)
	}
	if err := w.file.Close(); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := copyFile(&got, path, "job/0", aead, dec, w.frames); err != nil || got.String() != lines[:2*len(lines)/3]+"{new}\n" {
		t.Fatalf("%v: %q", err, got.String())
	}
}
