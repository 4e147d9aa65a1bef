package keys

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"cairn/ledger/member"
	"cairn/node/fault"
)

func TestCreateThenOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	if err := Create(dir); err != nil {
		t.Fatal(err)
	}
	ring, err := Open(context.Background(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	if public := ring.Public(); len(public) != 4 {
		t.Fatalf("%d public keys", len(public))
	}
	data := []byte("0123456789abcdef0123456789abcdef")
	wrapped, err := ring.Wrap(context.Background(), data)
	if err != nil || bytes.Contains(wrapped, data) {
		t.Fatalf("wrap: %v", err)
	}
	back, err := ring.Unwrap(context.Background(), wrapped)
	if err != nil || !bytes.Equal(back, data) {
		t.Fatalf("unwrap: %v", err)
	}
	wrapped[len(wrapped)-1] ^= 1
	if _, err := ring.Unwrap(context.Background(), wrapped); err == nil {
		t.Fatal("an altered wrap was opened")
	}
}

func TestNoKeyIsOverwritten(t *testing.T) {
	dir := t.TempDir()
	if err := Create(dir); err != nil {
		t.Fatal(err)
	}
	if err := Create(dir); fault.As(err).Kind != fault.Conflict {
		t.Fatalf("want Conflict, have %v", err)
	}
}

func TestDamagedKeysAreNamed(t *testing.T) {
	for name, harm := range map[string]func(path string) error{
		"key-missing": os.Remove,
		"key-exposed": func(path string) error { return os.Chmod(path, 0o644) },
		"key-damaged": func(path string) error { return os.WriteFile(path, []byte("no key"), 0o600) },
	} {
		for _, file := range []string{fileSeal, fileCosign, fileClient, fileValidator, filePeer, fileKEK} {
			dir := t.TempDir()
			if err := Create(dir); err != nil {
				t.Fatal(err)
			}
			if err := harm(filepath.Join(dir, file)); err != nil {
				t.Fatal(err)
			}
			_, err := Open(context.Background(), dir, "")
			if err == nil || fault.As(err).Code != name {
				t.Errorf("%s of %s: have %v", name, file, err)
			}
		}
	}
}

func TestUnknownKMSIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := Create(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), dir, "nosuchkms://x"); fault.As(err).Code != "kms-url" {
		t.Fatalf("have %v", err)
	}
}

// TestMake: a next key is there after a restart, beside the first one; what a crash
// left of one that was being written is no key and in nobody's way.
func TestMake(t *testing.T) {
	dir := t.TempDir()
	if err := Create(dir); err != nil {
		t.Fatal(err)
	}
	open := func() *Ring {
		ring, err := Open(context.Background(), dir, "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ring.Close() })
		return ring
	}
	ring := open()
	for _, use := range ring.uses() {
		made, err := ring.Make(use)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "."+made.File+partSuffix), []byte("half a k"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := writeWhole(filepath.Join(dir, made.File), []byte("another")); fault.As(err).Code != "key-exists" {
			t.Errorf("%s is overwritten: %v", made.File, err)
		}
		again := open()
		if len(again.of(use)) != 2 || !again.Holds(use, made.Public) || !again.Holds(use, ring.of(use)[0].Public) {
			t.Errorf("%s: %d keys after a restart", use, len(again.of(use)))
		}
	}
	if public := ring.Public(); len(public) != 4 || !bytes.Equal(public[0].Public, ring.of(public[0].Use)[0].Public) {
		t.Error("the first keys are not the first any more")
	}
	follower := filepath.Join(t.TempDir(), "keys")
	if err := CreateFollower(dir, follower, ""); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFollower(context.Background(), follower, "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Make(member.UseValidator); fault.As(err).Code != "key-votes" || f.Votes() {
		t.Errorf("a process without a vote makes a key that votes: %v", err)
	}
}
