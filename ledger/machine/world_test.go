package machine_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"cairn/ledger/machine"
	"cairn/ledger/member"
	"cairn/ledger/register"
	"cairn/ledger/seal"
)

const dawn = 1_700_000_000_000 // the time of a story's genesis

// world is what a story plays in: the machine, the members' logs, and transactions under names.
type world struct {
	machine *machine.Machine
	height  uint64
	time    int64
	logs    map[string]*history
	txs     map[string][]byte
}

func newWorld() *world {
	return &world{time: dawn, logs: make(map[string]*history), txs: make(map[string][]byte)}
}

// args are the words of a command: bare ones in order, key=value by key.
type args struct {
	words []string
	named map[string]string
}

func parse(line string) args {
	a := args{named: make(map[string]string)}
	for _, word := range strings.Fields(line) {
		if key, value, ok := strings.Cut(word, "="); ok {
			a.named[key] = value
		} else {
			a.words = append(a.words, word)
		}
	}
	return a
}

func (a args) word(i int) string {
	if i < len(a.words) {
		return a.words[i]
	}
	return ""
}

func (a args) number(name string, fallback uint64) uint64 {
	if text, there := a.named[name]; there {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			panic(err)
		}
		return n
	}
	return fallback
}

func short(h [32]byte) string { return hex.EncodeToString(h[:8]) }

// secret returns the key that a member has under a label, the same in every run.
func secret(id, label string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("story key " + id + " " + label))
	return ed25519.NewKeyFromSeed(seed[:])
}

func public(id, label string) []byte { return secret(id, label).Public().(ed25519.PublicKey) }

func mark(name string) [32]byte { return sha256.Sum256([]byte("story mark " + name)) }

func (w *world) step(lines []string) (string, error) {
	a := parse(lines[0])
	command := a.word(0)
	a.words = a.words[min(1, len(a.words)):]
	switch command {
	case "genesis":
		return w.genesis(a, lines[1:])
	case "log":
		return w.log(a)
	case "seal":
		return w.seal(a)
	case "epoch":
		return w.epoch(a)
	case "keys":
		return w.keys(a)
	case "raw":
		return w.raw(a)
	case "block":
		return w.block(a, lines[1:])
	case "look":
		return w.look(a)
	case "books":
		return w.books()
	case "move":
		return w.move()
	}
	return "", errors.New("no such command")
}

// genesis NAME, then one line per member: ID power=N inactive seal=LABEL:FROM-UNTIL,... and the same for cosign, client
// and validator; without any, a key for seals
func (w *world) genesis(a args, lines []string) (string, error) {
	g := machine.Genesis{
		Name: a.word(0), Time: dawn,
		Params: machine.Params{GraceMillis: 60_000, SkewMillis: 60_000, BeatMillis: 1_000, RecoveryMillis: 1_000},
	}
	for _, line := range lines {
		g.Members = append(g.Members, citizen(parse(line)))
	}
	m, err := machine.New(g)
	if err != nil {
		return "refused: " + err.Error(), nil
	}
	w.machine = m
	return fmt.Sprintf("network %s\nbooks   %s\nroot    %s", short(m.Network()), short(m.BooksRoot()), short(m.Root())), nil
}

func citizen(a args) member.Member {
	m := member.Member{
		ID: a.word(0), Name: "Hospital " + a.word(0), Roles: []string{"custodian"},
		URL: "http://localhost:8080", Power: a.number("power", 1), Active: a.word(1) != "inactive",
	}
	for _, use := range uses {
		keys := a.named[use.String()]
		if keys == "" && use == member.UseSeal {
			keys = "first:0-0"
		}
		for _, text := range strings.Split(keys, ",") {
			if text != "" {
				m.Keys = append(m.Keys, epochOf(m.ID, use, text))
			}
		}
	}
	return m
}

var uses = []member.Use{member.UseSeal, member.UseCosign, member.UseClient, member.UseValidator}

func epochOf(id string, use member.Use, text string) member.Key {
	k := member.Key{Use: use}
	label, span, _ := strings.Cut(text, ":")
	if _, err := fmt.Sscanf(span, "%d-%d", &k.From, &k.Until); err != nil {
		panic(err)
	}
	k.Public = publicOf(id, use, label)
	return k
}

// log ID add=N | rewrite=INDEX | cut=SIZE
func (w *world) log(a args) (string, error) {
	h := w.logOf(a.word(0))
	if at, there := a.named["rewrite"]; there {
		i, err := strconv.Atoi(at)
		if err != nil {
			return "", err
		}
		h = h.rewritten(i)
	}
	if _, there := a.named["cut"]; there {
		h = h.cut(int(a.number("cut", 0)))
	}
	h.grow(int(a.number("add", 0)))
	w.logs[a.word(0)] = h
	return fmt.Sprintf("%d entries, root %s", h.size(), short(h.root())), nil
}

func (w *world) logOf(id string) *history {
	if h := w.logs[id]; h != nil {
		return h
	}
	return new(history)
}

// seal NAME of=MEMBER marks=a,b,c bucket=N since=SIZE key=LABEL signer=MEMBER network=NAME as=MEMBER
//
// It seals the member's log as it stands, with a proof from the size that the machine knows, under the name NAME.
func (w *world) seal(a args) (string, error) {
	id := a.named["of"]
	h := w.logOf(id)
	_, _, seals, _ := w.machine.Books()
	last, _ := seals.Latest(id)
	s := &seal.Seal{Member: id, Size: h.size(), Root: h.root(), Consistency: h.since(a.number("since", last.Size))}
	if names := a.named["marks"]; names != "" {
		s.Marks = pad(a.word(0), strings.Split(names, ","), a)
	}
	signer, label := id, "first"
	if a.named["signer"] != "" {
		signer = a.named["signer"]
	}
	if a.named["key"] != "" {
		label = a.named["key"]
	}
	network := w.machine.Network()
	if a.named["network"] != "" {
		network = mark(a.named["network"])
	}
	s.Sign(secret(signer, label), network)
	if a.named["as"] != "" {
		s.Member = a.named["as"]
	}
	w.txs[a.word(0)] = machine.SealTx(s)
	return w.say(a.word(0)), nil
}

// pad fills the marks of these names up to their bucket, with values that depend on the seal's name.
func pad(name string, names []string, a args) (list [][32]byte) {
	for _, n := range names {
		list = append(list, mark(n))
	}
	size, ok := seal.Bucket(len(list))
	if !ok {
		panic("too many marks")
	}
	for i := len(list); i < int(a.number("bucket", uint64(size))); i++ {
		list = append(list, mark(fmt.Sprintf("padding %d of %s", i, name)))
	}
	return list
}

func (w *world) say(name string) string {
	return fmt.Sprintf("%d bytes, check says %v", len(w.txs[name]), w.machine.Check(w.txs[name]))
}

// raw NAME hex=BYTES | like=OTHER flip=INDEX | like=OTHER append=BYTES | size=N
func (w *world) raw(a args) (string, error) {
	tx, err := hex.DecodeString(a.named["hex"])
	if err != nil {
		return "", err
	}
	if a.named["like"] != "" {
		tx = bytes.Clone(w.txs[a.named["like"]])
	}
	if _, there := a.named["flip"]; there {
		tx[a.number("flip", 0)] ^= 1
	}
	more, err := hex.DecodeString(a.named["append"])
	if err != nil {
		return "", err
	}
	tx = append(tx, more...)
	tx = append(tx, make([]byte, a.number("size", 0))...)
	w.txs[a.word(0)] = tx
	return w.say(a.word(0)), nil
}

// block height=N later=MILLIS, then the names of its transactions, one a line
func (w *world) block(a args, names []string) (string, error) {
	height, time := a.number("height", w.height+1), w.time
	if text, there := a.named["later"]; there {
		later, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return "", err
		}
		time += later
	} else {
		time += 1000
	}
	b := machine.Block{Height: height, Time: time}
	for _, name := range names {
		tx, there := w.txs[name]
		if !there {
			return "", fmt.Errorf("no transaction %s", name)
		}
		b.Txs = append(b.Txs, tx)
	}
	out := w.machine.Apply(b)
	w.height, w.time = w.machine.Height(), w.machine.Time()
	return w.tellOutcome(names, out), nil
}

func (w *world) tellOutcome(names []string, out machine.Outcome) string {
	var text strings.Builder
	for i, code := range out.Codes {
		fmt.Fprintf(&text, "%s: %v\n", names[i], code)
	}
	for _, m := range out.Delta.Members {
		fmt.Fprintf(&text, "%s has %d keys\n", m.ID, len(m.Keys))
	}
	for _, e := range out.Delta.Seals {
		fmt.Fprintf(&text, "sealed %s at %d entries\n", e.Member, e.Size)
	}
	if n := len(out.Delta.Marks); n > 0 {
		fmt.Fprintf(&text, "%d new marks\n", n)
	}
	if out.Leaf == nil {
		fmt.Fprintf(&text, "height %d, no leaf\n", w.height)
	} else {
		fmt.Fprintf(&text, "height %d, leaf %s\n", w.height, short(out.Leaf.Hash()))
	}
	fmt.Fprintf(&text, "root %s", short(out.Root))
	return text.String()
}

// look NAME: what the register says of a mark, by its proof alone
func (w *world) look(a args) (string, error) {
	_, marks, _, _ := w.machine.Books()
	image := register.Image(mark(a.word(0)))
	height, present, err := marks.Prove(image).Verify(marks.Root(), image)
	if err != nil {
		return "", err
	}
	if !present {
		return fmt.Sprintf("not among %d marks", marks.Len()), nil
	}
	return fmt.Sprintf("there since height %d", height), nil
}

func (w *world) books() (string, error) {
	members, marks, seals, calendar := w.machine.Books()
	var text strings.Builder
	fmt.Fprintf(&text, "members  %s, %d of them\n", short(members.Root()), len(members.All()))
	fmt.Fprintf(&text, "register %s, %d marks\n", short(marks.Root()), marks.Len())
	fmt.Fprintf(&text, "seals    %s\n", short(seals.Root()))
	for _, e := range seals.All() {
		if err := seals.Prove(e.Member).Verify(seals.Root(), e); err != nil {
			return "", err
		}
		fmt.Fprintf(&text, "  %s: %d entries, root %s, height %d\n", e.Member, e.Size, short(e.Root), e.Height)
	}
	fmt.Fprintf(&text, "calendar %s, %d leaves", short(calendar.Root()), calendar.Size())
	return text.String(), nil
}

// move exports the machine and goes on with the one that an import makes of it.
func (w *world) move() (string, error) {
	var file bytes.Buffer
	if err := w.machine.Export(&file); err != nil {
		return "", err
	}
	size, sum := file.Len(), sha256.Sum256(file.Bytes())
	m, err := machine.Import(&file)
	if err != nil {
		return "", err
	}
	if m.Root() != w.machine.Root() || m.BooksRoot() != w.machine.BooksRoot() {
		return "", errors.New("the imported machine has another root")
	}
	w.machine = m
	return fmt.Sprintf("%d bytes, %s, root %s", size, short(sum), short(m.Root())), nil
}
