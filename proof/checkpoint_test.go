package proof

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/transparency-dev/formats/log"
	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

func TestCheckpointHasOneEncoding(t *testing.T) {
	w := newWorld(t, "demo")
	w.grow()
	for _, c := range []*Checkpoint{w.checkpoint(), w.checkpoint("west"), w.checkpoint("west", "north", "east", "north")} {
		raw := c.Encode()
		back, err := ParseCheckpoint(raw)
		if err != nil || !bytes.Equal(back.Encode(), raw) {
			t.Errorf("%s: %v", raw, err)
		}
		for i := range c.Cosignatures {
			s, err := ParseCosignature(c.Cosignatures[i].Line())
			if err != nil || s != c.Cosignatures[i] {
				t.Errorf("line %d: %v", i, err)
			}
		}
	}
}

func TestCheckpointRefusesOtherTexts(t *testing.T) {
	w := newWorld(t, "demo")
	w.grow()
	text := string(w.checkpoint("east", "north").Encode())
	lines := strings.SplitAfter(text, "\n")
	for name, altered := range map[string]string{
		"empty":             "",
		"no empty line":     strings.Replace(text, "\n\n", "\n", 1),
		"extension line":    strings.Replace(text, "\n\n", "\nmore\n\n", 1),
		"no origin":         text[strings.Index(text, "\n"):],
		"space in origin":   strings.Replace(text, "cairn/demo", "cairn demo", 1),
		"leading zero":      strings.Replace(text, "\n7\n", "\n07\n", 1),
		"plus sign":         strings.Replace(text, "\n7\n", "\n+7\n", 1),
		"carriage return":   strings.Replace(text, "\n7\n", "\n7\r\n", 1),
		"large size":        strings.Replace(text, "\n7\n", "\n9007199254740992\n", 1),
		"short root":        strings.Replace(text, lines[2], "AAAA\n", 1),
		"no last break":     strings.TrimSuffix(text, "\n"),
		"break after":       text + "\n",
		"out of order":      lines[0] + lines[1] + lines[2] + lines[3] + lines[5] + lines[4],
		"twice":             text + lines[5],
		"stray base64 bits": strings.Replace(text, "==\n", "x==\n", 1),
		"hyphen":            strings.Replace(text, "— ", "- ", 1),
		"short signature":   text + "— x AAAAAAAA\n",
		"two spaces":        strings.Replace(text, "— cairn/demo/east ", "— cairn/demo/east  ", 1),
	} {
		if altered == text {
			t.Errorf("%s: the case alters nothing", name)
		}
		if _, err := ParseCheckpoint([]byte(altered)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestLinesHaveOneEncoding sets bits of the base64 that stand for nothing, and
// puts line breaks where many decoders skip them.
func TestLinesHaveOneEncoding(t *testing.T) {
	w := newWorld(t, "demo")
	w.grow()
	line := w.checkpoint("east").Cosignatures[0].Line()
	last := len(line) - len("A==\n")
	for name, altered := range map[string]string{
		"stray bits":    line[:last] + string(line[last]+1) + line[last+1:],
		"line break":    line[:last] + "\n" + line[last:],
		"no padding":    line[:last+1] + "\n",
		"no last break": line[:len(line)-1],
		"two breaks":    line + "\n",
		"no time":       (&Cosignature{Name: "x"}).Line(),
		"late time":     (&Cosignature{Name: "x", Time: maxSeconds + 1}).Line(),
	} {
		if _, err := ParseCosignature(altered); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	raw := w.checkpoint("east").Encode()
	raw[len(raw)-4]++
	if _, err := ParseCheckpoint(raw); err == nil {
		t.Error("stray bits in a checkpoint: taken")
	}
}

func TestCosignaturesKeepTheirOrder(t *testing.T) {
	var c Checkpoint
	for _, name := range []string{"c", "a", "d", "b", "a"} {
		c.Add(Cosignature{Name: name, Time: uint64(len(c.Cosignatures) + 1)})
	}
	var names []string
	for _, s := range c.Cosignatures {
		names = append(names, s.Name)
	}
	if strings.Join(names, "") != "abcd" || c.Cosignatures[0].Time != 5 {
		t.Errorf("%v", c.Cosignatures)
	}
}

func TestCosignerRefusesNames(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "a b", "a+b", "a\n", strings.Repeat("x", maxKeyName+1)} {
		if _, err := NewCosigner(name, key); err == nil {
			t.Errorf("%q: taken", name)
		}
	}
	c, err := NewCosigner("cairn/demo/north", key)
	if err != nil {
		t.Fatal(err)
	}
	for _, seconds := range []uint64{0, maxSeconds + 1} {
		if _, err := c.Cosign(&Checkpoint{Origin: "x"}, seconds); err == nil {
			t.Errorf("time %d: taken", seconds)
		}
	}
}

// TestOthersReadOurCheckpoints holds our notes against the libraries of the
// transparency community, and theirs against our reader.
func TestOthersReadOurCheckpoints(t *testing.T) {
	w := newWorld(t, "demo")
	w.grow()
	c := w.checkpoint("north", "south")
	var known []note.Verifier
	for _, m := range w.trust().Members {
		v, err := cosignature.NewVerifierForCosignatureV1(m.Key)
		if err != nil {
			t.Fatal(err)
		}
		known = append(known, v)
	}
	n, err := note.Open(c.Encode(), note.VerifierList(known...))
	if err != nil || len(n.Sigs) != 2 || len(n.UnverifiedSigs) != 0 {
		t.Fatalf("%+v: %v", n, err)
	}
	var parsed log.Checkpoint
	rest, err := parsed.Unmarshal([]byte(n.Text))
	if err != nil || len(rest) != 0 || parsed.Origin != c.Origin || parsed.Size != c.Size || !bytes.Equal(parsed.Hash, c.Root[:]) {
		t.Errorf("%+v: %v", parsed, err)
	}
	made, err := cosignature.CoSigV1Timestamp(n.Sigs[0])
	if err != nil || made.Unix() != int64(c.Cosignatures[0].Time) {
		t.Errorf("made %v: %v", made, err)
	}
}

func TestWeReadOthersCosignatures(t *testing.T) {
	w := newWorld(t, "demo")
	w.grow()
	c := w.checkpoint()
	private, public, err := note.GenerateKey(rand.Reader, "cairn/demo/north")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := cosignature.NewSignerForCosignatureV1(private)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := note.Sign(&note.Note{Text: c.Text()}, signer)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := ParseCheckpoint(signed)
	if err != nil {
		t.Fatal(err)
	}
	trust := w.trust()
	if trust.Members[1].Key, err = cosignature.VKeyToCosignatureV1(public); err != nil {
		t.Fatal(err)
	}
	ids, err := trust.Signers(theirs)
	if err != nil || len(ids) != 1 || ids[0] != "north" {
		t.Errorf("%v: %v", ids, err)
	}
}

func FuzzCheckpoint(f *testing.F) {
	w := fuzzWorld(f)
	f.Add(w.checkpoint("east", "north").Encode())
	f.Add(w.checkpoint().Encode())
	trust := w.trust()
	f.Fuzz(func(t *testing.T, in []byte) {
		c, err := ParseCheckpoint(in)
		if err != nil {
			return
		}
		if !bytes.Equal(c.Encode(), in) {
			t.Fatalf("taken but encodes as %q", c.Encode())
		}
		if c.Root == w.machine.Root() && c.Size == 7 {
			return
		}
		if ids, err := trust.Signers(c); err == nil && len(ids) > 0 {
			t.Fatalf("signed by %v", ids)
		}
	})
}
