package box

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"testing"
)

func newBox(t *testing.T, key byte) Box {
	t.Helper()
	block, err := aes.NewCipher(bytes.Repeat([]byte{key}, 32))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return New(aead)
}

// TestOpen: a row opens as it was sealed, under the same key, for what it was
// sealed for, and not otherwise.
func TestOpen(t *testing.T) {
	b := newBox(t, 1)
	sealed := b.Seal([]byte("plain"), []byte("row 1"))
	if got, err := b.Open(sealed, []byte("row 1")); err != nil || string(got) != "plain" {
		t.Fatalf("%q %v", got, err)
	}
	if bytes.Equal(sealed, b.Seal([]byte("plain"), []byte("row 1"))) {
		t.Error("two rows with the same content are the same")
	}
	if _, err := b.Open(sealed, []byte("row 2")); err == nil {
		t.Error("it opens as another row")
	}
	if _, err := newBox(t, 2).Open(sealed, []byte("row 1")); err == nil {
		t.Error("another key opens it")
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := b.Open(bad, []byte("row 1")); err == nil {
			t.Errorf("it opens with another byte at %d", i)
		}
	}
	for n := range len(sealed) {
		if _, err := b.Open(sealed[:n], []byte("row 1")); err == nil {
			t.Errorf("it opens cut off after %d", n)
		}
	}
}
