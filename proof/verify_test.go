package proof

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestEachStatementVerifies(t *testing.T) {
	w := newWorld(t, "demo")
	w.grow()
	for name, b := range w.specimens() {
		raw := encoded(t, b)
		v := Verify(raw, w.trust())
		if v.Status != OK || v.Code != CodeOK || b.Statement != name {
			t.Errorf("%s: %s %s, statement %s", name, v.Status, v.Code, b.Statement)
		}
		if len(v.Steps) != 5 {
			t.Errorf("%s: %d steps", name, len(v.Steps))
		}
		for _, s := range v.Steps {
			if !s.OK || !s.Checked || s.Text == "" {
				t.Errorf("%s: step %+v", name, s)
			}
		}
		back, err := Decode(raw)
		if err != nil || !bytes.Equal(encoded(t, back), raw) {
			t.Errorf("%s: encodes otherwise after decoding (%v)", name, err)
		}
		if !json.Valid(raw) {
			t.Errorf("%s: not JSON", name)
		}
	}
}

// TestOldEntriesVerifyUnderNewerCheckpoints extends the proof of one entry from
// state to state.
func TestOldEntriesVerifyUnderNewerCheckpoints(t *testing.T) {
	w := newWorld(t, "demo")
	index := w.event("west", KindScrub, 0)
	for range 9 {
		w.beat("west")
		b := w.assemble(w.entry(w.base(w.checkpoint(quorum...)), "west", index, true))
		if v := Verify(encoded(t, b), w.trust()); v.Status != OK {
			t.Fatalf("height %d: %s", w.machine.Height(), v.Code)
		}
		w.event("west", KindAdmin, 0)
	}
}

func TestWhatIsMissingIsInconclusive(t *testing.T) {
	w := newWorld(t, "demo")
	w.grow()
	trust := w.trust()
	trustText, err := trust.Encode()
	if err != nil {
		t.Fatal(err)
	}
	good := encoded(t, w.specimens()[StatementEvent])
	few := func(signers ...string) []byte {
		return encoded(t, w.assemble(w.entry(w.base(w.checkpoint(signers...)), "north", 5, true)))
	}
	stricter := *trust
	stricter.Quorum = 4
	cases := []struct {
		name string
		got  Verdict
		code Code
	}{
		{"no trust file", Verify(good, nil), CodeNoTrust},
		{"an empty trust file", VerifyText(good, nil), CodeNoTrust},
		{"a broken trust file", VerifyText(good, append(trustText, '\n')), CodeTrustUnusable},
		{"a trust file that breaks a rule", Verify(good, &Trust{}), CodeTrustUnusable},
		{"another edition", Verify(good, &stricter), CodeOtherTrust},
		{"nobody signed", Verify(few(), trust), CodeNoQuorum},
		{"two of four signed", Verify(few("north", "south"), trust), CodeNoQuorum},
		{"a later format", Verify(bytes.Replace(good, []byte("bundle/v1"), []byte("bundle/v2"), 1), trust), CodeUnknownFormat},
	}
	for _, c := range cases {
		if c.got.Status != Inconclusive || c.got.Code != c.code {
			t.Errorf("%s: %s %s, want %s", c.name, c.got.Status, c.got.Code, c.code)
		}
		if c.got.Sentence != reasons[c.code] || len(c.got.Steps) != 5 {
			t.Errorf("%s: sentence %q", c.name, c.got.Sentence)
		}
	}
	if v := VerifyText(good, trustText); v.Status != OK {
		t.Errorf("the texts as they are: %s", v.Code)
	}
}

// lies alter one part of a bundle each; the sentences are then written anew, as
// a forger would. The code names the lie.
var lies = []struct {
	name string
	of   string
	lie  func(b *Bundle, rival *world)
	code Code
}{
	{"another-sentence", StatementEvent, func(b *Bundle, _ *world) { b.Sentences[0] += " And more." }, CodeAlteredSentence},
	{"no-sentence", StatementEvent, func(b *Bundle, _ *world) { b.Sentences = nil }, CodeAlteredSentence},
	{"another-statement", StatementEvent, func(b *Bundle, _ *world) { b.Statement = StatementRecord }, CodeAlteredSentence},
	{"event", StatementEvent, func(b *Bundle, _ *world) { b.Event.Content.Allowed = false }, CodeAlteredEvent},
	{"events-salt", StatementEvent, func(b *Bundle, _ *world) { b.Event.Salt[0]++ }, CodeAlteredEvent},
	{"record", StatementRecord, func(b *Bundle, _ *world) { b.Records[1].Content[30]++ }, CodeAlteredRecord},
	{"records-salt", StatementRecord, func(b *Bundle, _ *world) { b.Records[0].Salt[31]++ }, CodeAlteredRecord},
	{"record-of-another-line", StatementRecord, func(b *Bundle, _ *world) { b.Records[0].At = 1 }, CodeAlteredRecord},
	{"index", StatementEntry, func(b *Bundle, _ *world) { b.Log.Index-- }, CodeNotInLog},
	{"leaf", StatementEntry, func(b *Bundle, _ *world) { b.Log.Leaf[9]++ }, CodeNotInLog},
	{"path", StatementEntry, func(b *Bundle, _ *world) { b.Log.Path[0][9]++ }, CodeNotInLog},
	{"shorter-path", StatementEntry, func(b *Bundle, _ *world) { b.Log.Path = b.Log.Path[1:] }, CodeNotInLog},
	{"size", StatementEntry, func(b *Bundle, _ *world) { b.Seal.Entry.Size++ }, CodeNotSealed},
	{"another-members-log", StatementEntry, func(b *Bundle, _ *world) { b.Seal.Entry.Member = "north" }, CodeNotSealed},
	{"another-members-event", StatementEvent, func(b *Bundle, _ *world) { b.Seal.Entry.Member = "south" }, CodeOtherMember},
	{"sealed-height", StatementEntry, func(b *Bundle, _ *world) { b.Seal.Entry.Height-- }, CodeNotSealed},
	{"marks-height", StatementMark, func(b *Bundle, _ *world) { present(b).Height++ }, CodeMarkUnproven},
	{"mark-not-there", StatementMark, func(b *Bundle, _ *world) { m := present(b); m.Present, m.Height = false, 0 }, CodeMarkUnproven},
	{"mark-there", StatementMark, func(b *Bundle, _ *world) { m := absent(b); m.Present, m.Height = true, 1 }, CodeMarkUnproven},
	{"register-root", StatementMark, func(b *Bundle, _ *world) { b.Books.Register[0]++ }, CodeMarkUnproven},
	{"member-root", StatementMark, func(b *Bundle, _ *world) { b.Books.Members[0]++ }, CodeNotInCalendar},
	{"block-time", StatementEvent, func(b *Bundle, _ *world) { b.Calendar.Time++ }, CodeNotInCalendar},
	{"block-height", StatementEvent, func(b *Bundle, _ *world) { b.Calendar.Height++ }, CodeNotInCalendar},
	{"calendar-path", StatementEvent, func(b *Bundle, _ *world) { b.Calendar.Path[0][0]++ }, CodeNotInCalendar},
	{"calendar-index", StatementEvent, func(b *Bundle, _ *world) { b.Calendar.Index-- }, CodeNotInCalendar},
	{"checkpoints-root", StatementEvent, func(b *Bundle, _ *world) { b.Checkpoint.Root[0]++ }, CodeNotInCalendar},
	{"checkpoints-origin", StatementEvent, func(b *Bundle, _ *world) { b.Checkpoint.Origin = "cairn/vectors/log/north" }, CodeOtherCalendar},
	{"networks-name", StatementEvent, func(b *Bundle, _ *world) { b.Network.Name = "rival" }, CodeOtherCalendar},
	{"networks-id", StatementEvent, func(b *Bundle, _ *world) { b.Network.ID[0]++ }, CodeOtherNetwork},
	{"another-network", StatementEvent, func(b *Bundle, rival *world) { *b = *rival.specimens()[StatementEvent] }, CodeOtherNetwork},
	{"time-of-a-signature", StatementEvent, func(b *Bundle, _ *world) { b.Checkpoint.Cosignatures[2].Time++ }, CodeBadSignature},
	{"signature", StatementEvent, func(b *Bundle, _ *world) { b.Checkpoint.Cosignatures[0].Signature[0]++ }, CodeBadSignature},
	{"key-of-a-signature", StatementEvent, func(b *Bundle, _ *world) { b.Checkpoint.Cosignatures[0].KeyHash++ }, CodeUnknownSigner},
	{"name-of-a-signature", StatementEvent, func(b *Bundle, _ *world) { b.Checkpoint.Cosignatures[0].Name = "cairn/vectors/center" }, CodeUnknownSigner},
	{"signature-of-another-network", StatementEvent, func(b *Bundle, rival *world) { b.Checkpoint.Add(rival.cosign(b.Checkpoint, "east")) }, CodeUnknownSigner},
	{"one-signature-twice", StatementEvent, func(b *Bundle, _ *world) {
		s := b.Checkpoint.Cosignatures[2]
		s.Name = "cairn/vectors/west"
		b.Checkpoint.Add(s)
	}, CodeUnknownSigner},
}

func TestEachLieFails(t *testing.T) {
	w, rival := newWorld(t, "vectors"), newWorld(t, "rival")
	w.grow()
	rival.grow()
	for _, c := range lies {
		b := w.specimens()[c.of]
		c.lie(b, rival)
		if c.code != CodeAlteredSentence {
			b.Sentences = b.sentences()
		}
		v := Verify(encoded(t, b), w.trust())
		if v.Status != Fail || v.Code != c.code || v.Sentence != reasons[c.code] {
			t.Errorf("%s: %s %s, want %s", c.name, v.Status, v.Code, c.code)
		}
	}
}

func present(b *Bundle) *MarkPath {
	for i := range b.Marks {
		if b.Marks[i].Present {
			return &b.Marks[i]
		}
	}
	panic("no mark is present")
}

func absent(b *Bundle) *MarkPath {
	for i := range b.Marks {
		if !b.Marks[i].Present {
			return &b.Marks[i]
		}
	}
	panic("no mark is absent")
}

func TestOtherTextsAreNoBundles(t *testing.T) {
	w := newWorld(t, "demo")
	w.grow()
	good := string(encoded(t, w.specimens()[StatementRecord]))
	cases := map[string]struct {
		text string
		code Code
	}{
		"empty":           {"", CodeNotABundle},
		"not JSON":        {"hello", CodeNotABundle},
		"other JSON":      {`{"resourceType":"Bundle"}`, CodeNotABundle},
		"family only":     {`{"format":"cairn/bundle/"`, CodeNotABundle},
		"trust file":      {string(must(w.trust().Encode())), CodeNotABundle},
		"too large":       {strings.Repeat(" ", MaxBundleBytes+1), CodeTooLarge},
		"line break":      {good + "\n", CodeAlteredText},
		"indented":        {strings.Replace(good, `,"network"`, ",\n\"network\"", 1), CodeAlteredText},
		"folded key":      {strings.Replace(good, `"network"`, `"Network"`, 1), CodeAlteredText},
		"duplicate key":   {strings.Replace(good, `,"books"`, `,"marks":[],"books"`, 1), CodeAlteredText},
		"extra key":       {good[:len(good)-1] + `,"x":1}`, CodeAlteredText},
		"cut":             {good[:len(good)/2], CodeAlteredText},
		"swapped signers": {swapLines(good), CodeAlteredText},
		"unsealed log":    {strings.Replace(good, good[strings.Index(good, `"seal":`):strings.Index(good, `,"marks":`)], `"seal":null`, 1), CodeAlteredText},
	}
	for name, c := range cases {
		if v := Verify([]byte(c.text), w.trust()); v.Status != Fail || v.Code != c.code {
			t.Errorf("%s: %s %s, want %s", name, v.Status, v.Code, c.code)
		}
	}
}

func must(raw []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return raw
}

// swapLines exchanges the first two signature lines of a bundle's checkpoint.
func swapLines(text string) string {
	parts := strings.SplitAfterN(text, `\n— `, 4)
	first, second := parts[1], parts[2]
	return parts[0] + second + first + parts[3]
}

func TestAssembleRefusesWhatWouldFail(t *testing.T) {
	w := newWorld(t, "demo")
	w.grow()
	p := w.entry(w.base(w.checkpoint(quorum...)), "north", 5, true)
	p.Books.Seals[0]++
	if _, err := Assemble(w.trust(), p); !errors.Is(err, ErrUnproven) || !strings.Contains(err.Error(), string(CodeNotSealed)) {
		t.Errorf("wrong books: %v", err)
	}
	for name, spoil := range map[string]func(*Parts){
		"nothing":           func(p *Parts) { *p = w.base(p.Checkpoint) },
		"no checkpoint":     func(p *Parts) { p.Checkpoint = nil },
		"log without seal":  func(p *Parts) { p.Seal = nil },
		"event without log": func(p *Parts) { p.Log, p.Seal = nil, nil },
		"unknown record":    func(p *Parts) { p.Records = []OpenedRecord{{At: 5}} },
		"record twice":      func(p *Parts) { p.Records = append(p.Records, p.Records[0]) },
		"mark twice":        func(p *Parts) { p.Marks[1] = p.Marks[0] },
		"marks in disorder": func(p *Parts) { p.Marks[0], p.Marks[1] = p.Marks[1], p.Marks[0] },
		"malformed event":   func(p *Parts) { p.Event.Content.Kind = "" },
		"large number":      func(p *Parts) { p.Log.Index = 1 << 60 },
		"long path":         func(p *Parts) { p.Log.Path = make([][32]byte, 65) },
	} {
		p := w.marked(w.record(w.entry(w.base(w.checkpoint(quorum...)), "south", 3, true), 1), 10, 12)
		spoil(&p)
		if _, err := Assemble(w.trust(), p); err == nil {
			t.Errorf("%s: assembled", name)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	w := newWorld(b, "demo")
	w.grow()
	trust := w.trust()
	for name, bundle := range w.specimens() {
		raw := encoded(b, bundle)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if v := Verify(raw, trust); v.Status != OK {
					b.Fatal(v.Code)
				}
			}
		})
	}
}
