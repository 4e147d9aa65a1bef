package bulk

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"cairn/node/fault"
)

func sealing(t testing.TB) (cipher.AEAD, *zstd.Encoder, *zstd.Decoder) {
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
	dec, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(frameLimit))
	if err != nil {
		t.Fatal(err)
	}
	return aead, enc, dec
}

// fill makes three frames of the file job/0 and returns them and the lines.
func fill(t testing.TB) (frames [][]byte, lines string) {
	t.Helper()
	aead, enc, _ := sealing(t)
	w := &writer{aead: aead, enc: enc, job: "job"}
	for i := range 3 {
		line := strings.Repeat(string(rune('a'+i)), 100)
		if w.add([]byte("{\r\n" + line + "}")) {
			t.Error("a small frame is full")
		}
		for _, c := range w.close() {
			if c.N != int64(i) || c.File != 0 {
				t.Errorf("frame %d is %d of the file %d", i, c.N, c.File)
			}
			frames = append(frames, c.Body)
		}
		lines += "{" + line + "}\n"
	}
	if len(w.close()) != 0 || w.frames != 3 || len(frames) != 3 {
		t.Fatalf("%d frames, %d noted", len(frames), w.frames)
	}
	return frames, lines
}

// copied reads frames as those of a file.
func copied(t testing.TB, name string, frames [][]byte) (string, error) {
	t.Helper()
	aead, _, dec := sealing(t)
	var got bytes.Buffer
	err := copyFrames(&got, name, aead, dec, 3, func(n uint32) ([]byte, error) { return frames[n], nil })
	return got.String(), err
}

func TestFrames(t *testing.T) {
	frames, lines := fill(t)
	if got, err := copied(t, "job/0", frames); err != nil || got != lines {
		t.Fatalf("%v: %q", err, got)
	}
	if bytes.Contains(bytes.Join(frames, nil), []byte("aaaa")) {
		t.Error("a frame shows what is in it")
	}
	for name, bad := range map[string][][]byte{
		"cut off": {frames[0], frames[1], frames[2][:len(frames[2])-1]}, "swapped": {frames[1], frames[0], frames[2]},
		"one twice": {frames[0], frames[1], frames[1]}, "empty": {frames[0], {}, frames[2]},
	} {
		if _, err := copied(t, "job/0", bad); !fault.Is(err, fault.Broken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, other := range []string{"job/1", "bob/0"} {
		if _, err := copied(t, other, frames); !fault.Is(err, fault.Broken) {
			t.Errorf("read as %s: %v", other, err)
		}
	}
	aead, _, dec := sealing(t)
	for at := range frames[1] {
		bad := bytes.Clone(frames[1])
		bad[at] ^= 1
		if _, err := openFrame(bad, "job/0", aead, dec, 1); err == nil {
			t.Fatalf("byte %d altered, and it opens", at)
		}
	}
}
