package proof

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"sort"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"cairn/ledger/calendar"
	"cairn/ledger/machine"
)

var rewrite = flag.Bool("rewrite", false, "write the test vectors anew")

const vectorDir = "vectors"

// vector is one line of vectors/verdicts.json.
type vector struct {
	Bundle   string `json:"bundle"` // file name
	Trust    string `json:"trust"`  // file name, "" for none
	Status   Status `json:"status"`
	Code     Code   `json:"code"`
	Sentence string `json:"sentence"`
}

// vectorSet makes every file of vectors/ but the README.
type vectorSet struct {
	t        *testing.T
	files    map[string][]byte
	verdicts []vector
}

func (s *vectorSet) file(name string, raw []byte) { s.files[name] = raw }

// add stores a bundle and the verdict that it must get.
func (s *vectorSet) add(name string, raw []byte, trust string, want Code) {
	s.t.Helper()
	s.file(name, raw)
	v := VerifyText(raw, s.files[trust])
	if v.Code != want {
		s.t.Errorf("%s with trust %q: %s, want %s", name, trust, v.Code, want)
	}
	s.verdicts = append(s.verdicts, vector{name, trust, v.Status, v.Code, v.Sentence})
}

func makeVectors(t *testing.T) map[string][]byte {
	t.Helper()
	w, rival := newWorld(t, "vectors"), newWorld(t, "rival")
	w.grow()
	rival.grow()
	s := &vectorSet{t: t, files: map[string][]byte{}}
	stricter := *w.trust()
	stricter.Quorum = 4
	s.file("network.json", must(w.trust().Encode()))
	s.file("network-stricter.json", must(stricter.Encode()))
	s.file("network-rival.json", must(rival.trust().Encode()))
	for name, b := range w.specimens() {
		s.add("ok-"+name+".json", encoded(t, b), "network.json", CodeOK)
	}
	s.edges(w)
	s.missing(w)
	s.lies(w, rival)
	s.texts(w)
	s.epochs()
	s.exchanges()
	sort.Slice(s.verdicts, func(i, j int) bool {
		a, b := s.verdicts[i], s.verdicts[j]
		return a.Bundle < b.Bundle || a.Bundle == b.Bundle && a.Trust < b.Trust
	})
	s.file("verdicts.json", indented(t, s.verdicts))
	s.file("values.json", indented(t, w.values()))
	return s.files
}

func indented(t *testing.T, v any) []byte {
	t.Helper()
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// edges adds what is good and rare: an event of an unknown kind with many
// records, an empty register, a checkpoint that all members signed.
func (s *vectorSet) edges(w *world) {
	long := w.assemble(w.entry(w.base(w.checkpoint(memberIDs...)), "east", 0, true))
	s.add("ok-unknown-kind.json", encoded(s.t, long), "network.json", CodeOK)
	young := newWorld(s.t, w.name)
	young.begin()
	empty := young.assemble(young.marked(young.entry(young.base(young.checkpoint(quorum...)), "west", 0, true), 1))
	s.add("ok-empty-register.json", encoded(s.t, empty), "network.json", CodeOK)
}

// missing adds what is INCONCLUSIVE.
func (s *vectorSet) missing(w *world) {
	good := encoded(s.t, w.specimens()[StatementEvent])
	s.add("ok-event.json", good, "", CodeNoTrust)
	s.add("ok-event.json", good, "network-stricter.json", CodeOtherTrust)
	s.add("ok-event.json", good, "ok-event.json", CodeTrustUnusable)
	s.add("ok-event.json", good, "network-rival.json", CodeOtherNetwork)
	few := w.assemble(w.entry(w.base(w.checkpoint("north", "south")), "north", 5, true))
	s.add("no-quorum.json", encoded(s.t, few), "network.json", CodeNoQuorum)
	none := w.assemble(w.entry(w.base(w.checkpoint()), "north", 5, true))
	s.add("no-signature.json", encoded(s.t, none), "network.json", CodeNoQuorum)
	s.add("later-format.json", bytes.Replace(good, []byte("bundle/v1"), []byte("bundle/v2"), 1), "network.json", CodeUnknownFormat)
}

// lies adds what FAILs although the text is canonical.
func (s *vectorSet) lies(w, rival *world) {
	for _, c := range lies {
		b := w.specimens()[c.of]
		c.lie(b, rival)
		if c.code != CodeAlteredSentence {
			b.Sentences = b.sentences()
		}
		s.add("lie-"+c.name+".json", encoded(s.t, b), "network.json", c.code)
	}
}

// epochs adds a network of which a member has changed its cosigning key: what
// was signed before still verifies, and what was signed after does so with a
// trust file that knows the next key.
func (s *vectorSet) epochs() {
	w := newWorld(s.t, "vectors")
	w.grow()
	s.file("network-lasting.json", must(w.lasting().Encode()))
	w.rotate("north", 2)
	s.file("network-epochs.json", must(w.lasting().Encode()))
	s.add("ok-event.json", s.files["ok-event.json"], "network-lasting.json", CodeOK)
	s.add("ok-event.json", s.files["ok-event.json"], "network-epochs.json", CodeOK)
	after := encoded(s.t, w.assembleFor(w.lasting(), w.entry(w.base(w.checkpointAt(2, quorum...)), "north", 5, true)))
	s.add("ok-epoch.json", after, "network-epochs.json", CodeOK)
	s.add("ok-epoch.json", after, "network.json", CodeOtherTrust)
	s.add("ok-epoch.json", after, "network-lasting.json", CodeOtherTrust)
	late := w.assembleFor(w.lasting(), w.entry(w.base(w.checkpointAt(2)), "north", 5, true))
	late.Checkpoint = w.checkpointAt(1, quorum...)
	late.Sentences = late.sentences()
	s.add("lie-retired-key.json", encoded(s.t, late), "network-epochs.json", CodeRetiredKey)
}

// exchanges adds files of exchanges between hospitals.
func (s *vectorSet) exchanges() {
	s.file("network-exchange-before.json", must(exchangeTrust(s.t, false).Encode()))
	s.file("network-exchange.json", must(exchangeTrust(s.t, true).Encode()))
	cases := exchangeCases(s.t)
	for file, name := range map[string]string{
		"exchange-ok.json": "whole", "exchange-next-key.json": "next key", "exchange-no-answer.json": "no answer",
		"exchange-not-acknowledged.json": "no acknowledgement", "exchange-retired-key.json": "retired key", "exchange-other-answer.json": "another answer",
		"exchange-other-signer.json": "signed by the other", "exchange-without-key.json": "without a key", "exchange-other-sentence.json": "another sentence",
		"exchange-later-format.json": "another format",
	} {
		s.add(file, cases[name].raw, "network-exchange.json", cases[name].code)
	}
	good := cases["whole"].raw
	s.add("exchange-ok.json", good, "network-exchange-before.json", CodeOK)
	s.add("exchange-next-key.json", cases["next key"].raw, "network-exchange-before.json", CodeOtherTrust)
	s.add("exchange-ok.json", good, "network.json", CodeNoClientKeys)
	s.add("exchange-ok.json", good, "network-rival.json", CodeOtherNetwork)
	s.add("exchange-ok.json", good, "", CodeNoTrust)
	s.add("exchange-line-break.json", append(bytes.Clone(good), '\n'), "network-exchange.json", CodeAlteredText)
}

// texts adds what FAILs because its text is not canonical.
func (s *vectorSet) texts(w *world) {
	good := encoded(s.t, w.specimens()[StatementEntry])
	swap := func(old, new string) []byte {
		altered := bytes.Replace(good, []byte(old), []byte(new), 1)
		if bytes.Equal(altered, good) {
			s.t.Errorf("%q is not in the bundle", old)
		}
		return altered
	}
	s.add("text-line-break.json", append(bytes.Clone(good), '\n'), "network.json", CodeAlteredText)
	s.add("text-space.json", swap(`,"network"`, `, "network"`), "network.json", CodeAlteredText)
	s.add("text-folded-key.json", swap(`"network"`, `"Network"`), "network.json", CodeAlteredText)
	s.add("text-duplicate-key.json", swap(`,"books"`, `,"marks":[],"books"`), "network.json", CodeAlteredText)
	s.add("text-omitted-key.json", swap(`,"marks":[]`, ``), "network.json", CodeAlteredText)
	s.add("text-upper-hash.json", swap(`"trust":"`+hexOf(w.trust().Fingerprint()), `"trust":"`+string(bytes.ToUpper([]byte(hexOf(w.trust().Fingerprint()))))), "network.json", CodeAlteredText)
	s.add("text-needless-escape.json", swap(`cairn/vectors/calendar`, `cairn\/vectors\/calendar`), "network.json", CodeAlteredText)
	s.add("text-stray-base64-bits.json", strayBits(good), "network.json", CodeAlteredText)
	s.add("text-cut.json", good[:len(good)-1], "network.json", CodeAlteredText)
	s.add("text-empty.json", nil, "network.json", CodeNotABundle)
	s.add("text-other-json.json", []byte(`{"resourceType":"Bundle"}`), "network.json", CodeNotABundle)
}

// strayBits sets a bit of the last signature's base64 that stands for nothing.
func strayBits(raw []byte) []byte {
	out := bytes.Clone(raw)
	at := bytes.LastIndex(out, []byte("==")) - 1
	out[at]++
	return out
}

// value is one line of vectors/values.json: what goes into a hash of
// ok-event.json and what comes out, in hexadecimal.
type value struct {
	Name string `json:"name"`
	In   string `json:"in"`
	Out  string `json:"out"`
}

func (w *world) values() []value {
	b := w.specimens()[StatementEvent]
	raw := must(b.Event.Content.Encode())
	c := calendar.Leaf{
		Height: b.Calendar.Height, Time: b.Calendar.Time,
		Books: machine.BooksRoot(b.Books.Members, b.Books.Register, b.Books.Seals),
	}
	books := "cairn/books/v1\x00" + string(b.Books.Members[:]) + string(b.Books.Register[:]) + string(b.Books.Seals[:])
	line := func(name string, in []byte, out [32]byte) value {
		return value{name, hex.EncodeToString(in), hex.EncodeToString(out[:])}
	}
	s := b.Checkpoint.Cosignatures[0]
	return []value{
		line("the event's encoding, and the leaf that its salt makes of it", raw, Leaf(b.Event.Salt, b.Event.Content.Kind, b.Event.Content.ID, raw)),
		line("the leaf, and its hash in the log", b.Log.Leaf[:], tlog.RecordHash(b.Log.Leaf[:])),
		line("the seal book's line, and its hash in the book's tree", b.Seal.Entry.Encode(), tlog.RecordHash(b.Seal.Entry.Encode())),
		line("domain and roots of the books, and their root", []byte(books), c.Books),
		line("the calendar leaf's encoding, and its hash in the calendar", c.Encode(), c.Hash()),
		{"the message of the first cosignature, and the signature", hex.EncodeToString(b.Checkpoint.message(s.Time)), hex.EncodeToString(s.Signature[:])},
	}
}

// TestVectors makes the published vectors again and holds them against the
// files. A difference means that the format changed: bundles that people hold
// would no longer verify.
func TestVectors(t *testing.T) {
	files := makeVectors(t)
	if *rewrite {
		writeVectors(t, files)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(vectorDir, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs from what the code makes (%v); -rewrite writes it anew", name, err)
		}
	}
	there, err := filepath.Glob(filepath.Join(vectorDir, "*.json"))
	if err != nil || len(there) != len(files) {
		t.Errorf("%d files, want %d (%v)", len(there), len(files), err)
	}
}

func writeVectors(t *testing.T, files map[string][]byte) {
	t.Helper()
	old, err := filepath.Glob(filepath.Join(vectorDir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	for name, raw := range files {
		if err := os.WriteFile(filepath.Join(vectorDir, name), raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestVectorsVerify reads the published files as a stranger would.
func TestVectorsVerify(t *testing.T) {
	read := func(name string) []byte {
		if name == "" {
			return nil
		}
		return must(os.ReadFile(filepath.Join(vectorDir, name)))
	}
	var verdicts []vector
	if err := json.Unmarshal(read("verdicts.json"), &verdicts); err != nil {
		t.Fatal(err)
	}
	seen := map[Code]bool{}
	for _, want := range verdicts {
		v := VerifyText(read(want.Bundle), read(want.Trust))
		if got := (vector{want.Bundle, want.Trust, v.Status, v.Code, v.Sentence}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		seen[want.Code] = true
	}
	for code := range reasons {
		if !seen[code] && code != CodeTooLarge {
			t.Errorf("no vector has the code %s", code)
		}
	}
}
