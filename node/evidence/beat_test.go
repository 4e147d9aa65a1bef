package evidence_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"cairn/ledger/machine"
	"cairn/ledger/member"
	"cairn/ledger/register"
	"cairn/ledger/seal"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/store"
)

// consortium is a real machine of which every transaction is a block.
type consortium struct {
	mu      sync.Mutex
	m       *machine.Machine
	private ed25519.PrivateKey
	seals   []*seal.Seal
	refuse  int // the next transactions are lost on the way
	changed chan struct{}
	after   func()
}

func newConsortium(t testing.TB) *consortium {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	m, err := machine.New(machine.Genesis{
		Name: "test", Time: 1, Params: machine.Params{GraceMillis: 1000, SkewMillis: 1000, BeatMillis: 10, RecoveryMillis: 1000},
		Members: []member.Member{{ID: "north", Power: 1, Active: true, Keys: []member.Key{{Use: member.UseSeal, Public: public}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &consortium{m: m, private: private, changed: make(chan struct{})}
}

func (c *consortium) SignSeal(s *seal.Seal, network [32]byte) error {
	s.Sign(c.private, network)
	return nil
}

func (c *consortium) Sealed(id string) (seal.Entry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _, seals, _ := c.m.Books()
	return seals.Latest(id)
}

func (c *consortium) Mark(image [32]byte) (uint64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, marks, _, _ := c.m.Books()
	return marks.Height(image)
}

func (c *consortium) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

var errLost = errors.New("lost on the way")

func (c *consortium) Submit(ctx context.Context, tx []byte) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse > 0 {
		c.refuse--
		return 0, errLost
	}
	height := c.m.Height() + 1
	out := c.m.Apply(machine.Block{Height: height, Time: c.m.Time() + 1, Txs: [][]byte{tx}})
	if out.Codes[0] != machine.CodeOK {
		return 0, fmt.Errorf("refused: %v", out.Codes[0])
	}
	s, err := seal.Decode(tx[1:])
	if err != nil {
		return 0, err
	}
	c.seals = append(c.seals, s)
	close(c.changed)
	c.changed = make(chan struct{})
	if c.after != nil {
		c.after()
	}
	return height, ctx.Err()
}

func (c *consortium) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.seals)
}

func (c *consortium) beat(l *evidence.Log, st *store.Store, every time.Duration) *evidence.Beat {
	cfg := evidence.BeatConfig{Member: "north", Network: c.m.Network(), Every: every, Logger: slog.New(slog.DiscardHandler)}
	return evidence.NewBeat(cfg, l, st, c, c)
}

func queue(t testing.TB, st *store.Store, marks ...[32]byte) {
	t.Helper()
	err := st.Update(bg, func(tx *store.Tx) error {
		for _, m := range marks {
			if err := tx.AddMark(m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func waiting(t testing.TB, st *store.Store) (n int) {
	t.Helper()
	err := st.View(bg, func(v *store.View) error {
		all, err := v.Marks(10_000)
		n = len(all)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func mustSeal(t testing.TB, b *evidence.Beat) {
	t.Helper()
	if err := b.Seal(bg); err != nil {
		t.Fatal(err)
	}
}

func numbered(from, n int) [][32]byte {
	out := make([][32]byte, n)
	for i := range out {
		out[i] = sha256.Sum256(fmt.Append(nil, "mark ", from+i))
	}
	return out
}

func TestSealsFollowTheLog(t *testing.T) {
	st, c := openStore(t, t.TempDir()), newConsortium(t)
	l := openLog(t, st)
	b := c.beat(l, st, time.Hour)
	r := newReference(t, 900)
	mustSeal(t, b)
	if c.count() != 0 {
		t.Fatal("an empty log was sealed")
	}
	for i, size := range []uint64{1, 2, 300, 300, 899, 900} {
		appendTo(t, st, size)
		mustSeal(t, b)
		last, _ := c.Sealed("north")
		if last.Size != size || last.Root != r.root(t, size) {
			t.Fatalf("seal %d: %+v", i, last)
		}
	}
	if c.count() != 5 {
		t.Fatalf("%d seals for five sizes", c.count())
	}
}

func TestMarksAreHiddenAmongRandomOnes(t *testing.T) {
	st, c := openStore(t, t.TempDir()), newConsortium(t)
	b := c.beat(openLog(t, st), st, time.Hour)
	for _, round := range []struct{ marks, bucket int }{{1, 8}, {8, 8}, {9, 64}, {64, 64}, {65, 512}} {
		marks := numbered(1000*round.marks+round.bucket, round.marks)
		queue(t, st, marks...)
		mustSeal(t, b)
		s := c.seals[len(c.seals)-1]
		if len(s.Marks) != round.bucket {
			t.Errorf("%d marks went out as %d", round.marks, len(s.Marks))
		}
		for _, m := range marks {
			if _, there := c.Mark(register.Image(m)); !there {
				t.Fatalf("one of %d marks is not in the register", round.marks)
			}
		}
		if waiting(t, st) != 0 {
			t.Fatal("sealed marks still wait")
		}
	}
	if c.count() != 5 {
		t.Fatalf("%d seals", c.count())
	}
	mustSeal(t, b)
	if c.count() != 5 {
		t.Fatal("sealed again with nothing to seal")
	}
}

func TestMarksLeaveTheQueueOnlyWhenABlockHoldsThem(t *testing.T) {
	st, c := openStore(t, t.TempDir()), newConsortium(t)
	b := c.beat(openLog(t, st), st, time.Hour)
	queue(t, st, numbered(0, 8)...)
	c.refuse = 1
	if err := b.Seal(bg); !errors.Is(err, errLost) || waiting(t, st) != 8 {
		t.Fatalf("%v, %d wait", err, waiting(t, st))
	}

	// The block is there, and the node stops before it can empty the queue.
	ctx, stop := context.WithCancel(bg)
	c.after = stop
	if err := b.Seal(ctx); err == nil || waiting(t, st) != 8 {
		t.Fatalf("%v, %d wait", err, waiting(t, st))
	}
	c.after = nil
	again := c.beat(openLog(t, st), st, time.Hour)
	mustSeal(t, again)
	if waiting(t, st) != 0 || c.count() != 1 {
		t.Fatalf("%d wait after %d seals", waiting(t, st), c.count())
	}
}

func TestManyMarksGoOutInSeveralSeals(t *testing.T) {
	st, c := openStore(t, t.TempDir()), newConsortium(t)
	b := c.beat(openLog(t, st), st, time.Hour)
	queue(t, st, numbered(0, 1300)...)
	run(t, b)
	b.Urgent()
	eventually(t, "all marks sealed", func() bool { return waiting(t, st) == 0 })
	for _, m := range numbered(0, 1300) {
		if _, there := c.Mark(register.Image(m)); !there {
			t.Fatal("a mark is not in the register")
		}
	}
}

// run starts a beat for the length of a test.
func run(t testing.TB, b *evidence.Beat) {
	t.Helper()
	ctx, stop := context.WithCancel(bg)
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the beat ended: %v", err)
		}
	})
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within ten seconds: %s", what)
		}
	}
}

func TestBeatSealsWhatIsWrittenMeanwhile(t *testing.T) {
	st, c := openStore(t, t.TempDir()), newConsortium(t)
	b := c.beat(openLog(t, st), st, 5*time.Millisecond)
	c.refuse = 2 // the ledger stands still at first
	run(t, b)
	for _, size := range []uint64{3, 4, 700} {
		appendTo(t, st, size)
		if err := b.WaitSealed(bg, size); err != nil {
			t.Fatal(err)
		}
		if last, _ := c.Sealed("north"); last.Size < size {
			t.Fatalf("waited for %d, sealed are %d", size, last.Size)
		}
	}
	sealed := c.count()
	time.Sleep(50 * time.Millisecond)
	if c.count() != sealed {
		t.Fatal("the beat goes on while nothing happens")
	}
}

func TestUrgentSealsAtOnce(t *testing.T) {
	st, c := openStore(t, t.TempDir()), newConsortium(t)
	b := c.beat(openLog(t, st), st, time.Hour)
	run(t, b)
	queue(t, st, numbered(0, 1)...)
	b.Urgent()
	eventually(t, "the mark sealed", func() bool { _, there := c.Mark(register.Image(numbered(0, 1)[0])); return there })
}

func TestWaitEndsWithItsContext(t *testing.T) {
	st, c := openStore(t, t.TempDir()), newConsortium(t)
	b := c.beat(openLog(t, st), st, time.Hour)
	if err := b.WaitSealed(bg, 0); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(bg, 10*time.Millisecond)
	defer stop()
	if err := b.WaitSealed(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

func TestLogThatWasNotSealedStopsTheBeat(t *testing.T) {
	c := newConsortium(t)
	st := openStore(t, t.TempDir())
	appendTo(t, st, 300)
	mustSeal(t, c.beat(openLog(t, st), st, time.Hour))

	short := openStore(t, t.TempDir())
	appendTo(t, short, 299) // as from an old backup
	other := openStore(t, t.TempDir())
	err := other.Update(bg, func(tx *store.Tx) error {
		for i := range uint64(400) {
			e := entry(i)
			if i == 17 {
				e.Leaf[0]++
			}
			if err := tx.Append(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, st := range map[string]*store.Store{"short": short, "other": other} {
		b := c.beat(openLog(t, st), st, time.Hour)
		b.Urgent()
		err := b.Run(bg)
		if f := fault.As(err); f.Kind != fault.Broken || f.Code != "evidence.not-sealed-log" || f.Text == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c.count() != 1 {
		t.Errorf("%d seals", c.count())
	}
}
