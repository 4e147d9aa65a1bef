package register_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"cairn/ledger/register"
)

func number(n uint64) (mark [32]byte) {
	binary.BigEndian.PutUint64(mark[24:], n)
	return mark
}

// naive computes the root of a set from its definition in the package comment, without the trie.
func naive(set map[[32]byte]uint64) [32]byte {
	images := slices.SortedFunc(maps.Keys(set), func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
	var top [32]byte
	if len(images) > 0 {
		top = naiveTop(images, set, 0)
	}
	data := binary.BigEndian.AppendUint64([]byte("cairn/register/v1\x00"), uint64(len(images)))
	return sha256.Sum256(append(data, top[:]...))
}

func naiveTop(images [][32]byte, set map[[32]byte]uint64, bit int) [32]byte {
	if len(images) == 1 {
		data := append([]byte("register/leaf\x00"), images[0][:]...)
		return sha256.Sum256(binary.BigEndian.AppendUint64(data, set[images[0]]))
	}
	right := slices.IndexFunc(images, func(x [32]byte) bool { return x[bit/8]>>(7-bit%8)&1 == 1 })
	if right <= 0 {
		return naiveTop(images, set, bit+1)
	}
	l, r := naiveTop(images[:right], set, bit+1), naiveTop(images[right:], set, bit+1)
	data := append([]byte("register/node\x00"), byte(bit))
	return sha256.Sum256(append(append(data, l[:]...), r[:]...))
}

// images draws images of which many share long prefixes, so that paths get deep.
func images() *rapid.Generator[[32]byte] {
	return rapid.Custom(func(t *rapid.T) (x [32]byte) {
		x[0] = rapid.ByteRange(0, 3).Draw(t, "first")
		x[rapid.IntRange(0, 31).Draw(t, "place")] ^= rapid.Byte().Draw(t, "value")
		return x
	})
}

func check(t interface{ Fatalf(string, ...any) }, b *register.Book, model map[[32]byte]uint64, image [32]byte) {
	want, there := model[image]
	height, present, err := b.Prove(image).Verify(b.Root(), image)
	if err != nil || present != there || height != want {
		t.Fatalf("proof says %d %v %v, want %d %v", height, present, err, want, there)
	}
	if height, present := b.Height(image); present != there || height != want {
		t.Fatalf("book says %d %v, want %d %v", height, present, want, there)
	}
}

func TestBookIsASetThatIsOnlyAddedTo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, model := register.New(), make(map[[32]byte]uint64)
		for height := range uint64(rapid.IntRange(1, 6).Draw(t, "blocks")) {
			for _, x := range rapid.SliceOfN(images(), 0, 30).Draw(t, "images") {
				_, there := model[x]
				if b.Load(x, height+1) == there {
					t.Fatalf("adding said %v of an image whose presence is %v", !there, there)
				}
				if !there {
					model[x] = height + 1
				}
			}
			if b.Len() != len(model) || b.Root() != naive(model) {
				t.Fatalf("root of %d marks differs from its definition", b.Len())
			}
		}
		for x := range model {
			check(t, b, model, x)
		}
		for _, x := range rapid.SliceOfN(images(), 1, 30).Draw(t, "asked") {
			check(t, b, model, x)
		}
	})
}

func TestRootDoesNotDependOnTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := rapid.SliceOfNDistinct(images(), 0, 60, rapid.ID).Draw(t, "images")
		shuffled := rapid.Permutation(set).Draw(t, "shuffled")
		a, b := register.New(), register.New()
		for i := range set {
			a.Load(set[i], uint64(set[i][31]))
			b.Load(shuffled[i], uint64(shuffled[i][31]))
			if i%7 == 0 {
				a.Root() // hashing now and then changes nothing
			}
		}
		if a.Root() != b.Root() {
			t.Fatal("two orders, two roots")
		}
	})
}

func TestAddKeepsTheImageOfAMark(t *testing.T) {
	b := register.New()
	image, added := b.Add(number(7), 3)
	if want := sha256.Sum256(bytes.Join([][]byte{make([]byte, 31), {7}}, nil)); image != want || !added {
		t.Fatal("the image is not the SHA-256 of the mark")
	}
	if _, added := b.Add(number(7), 9); added {
		t.Fatal("a mark was added twice")
	}
	if height, _ := b.Height(image); height != 3 {
		t.Fatalf("height became %d", height)
	}
}

func filled(n uint64) (*register.Book, [][32]byte) {
	b := register.New()
	var list [][32]byte
	for i := range n {
		image, _ := b.Add(number(i), i/10+1)
		list = append(list, image)
	}
	return b, list
}

// Whatever byte of a proof changes, it never verifies to another answer than the true one.
func TestAlteredProofFails(t *testing.T) {
	b, list := filled(300)
	root := b.Root()
	for _, image := range [][32]byte{list[42], register.Image(number(1_000_000))} {
		raw := b.Prove(image).Encode()
		height, present, err := b.Prove(image).Verify(root, image)
		if err != nil {
			t.Fatal(err)
		}
		for i := range raw {
			for bit := range 8 {
				altered := bytes.Clone(raw)
				altered[i] ^= 1 << bit
				p, err := register.DecodeProof(altered)
				if err != nil {
					continue
				}
				if h, there, err := p.Verify(root, image); err == nil {
					t.Fatalf("byte %d bit %d: %d %v verifies; true is %d %v", i, bit, h, there, height, present)
				}
			}
		}
	}
}

// The proof of one image says nothing of another unless their ways are the same.
func TestProofAnswersOnlyWhatItProves(t *testing.T) {
	b, list := filled(500)
	root := b.Root()
	for i := range list {
		p := b.Prove(list[i])
		for j, other := range list {
			_, present, err := p.Verify(root, other)
			if i != j && err == nil {
				t.Fatalf("the proof of %d says of %d, which is there, present=%v", i, j, present)
			}
		}
	}
	if _, _, err := b.Prove(list[0]).Verify(register.New().Root(), list[0]); err == nil {
		t.Fatal("a proof verifies under another root")
	}
	empty := register.New()
	if _, present, err := empty.Prove(list[0]).Verify(empty.Root(), list[0]); present || err != nil {
		t.Fatalf("the empty book says %v %v", present, err)
	}
	if _, _, err := empty.Prove(list[0]).Verify(root, list[0]); err == nil {
		t.Fatal("the empty proof verifies under the root of a full book")
	}
}

// A proof has one form; what only resembles it neither decodes nor verifies.
func TestProofOutOfItsFormIsRefused(t *testing.T) {
	b, list := filled(64)
	root := b.Root()
	for what, edit := range map[string]func(*register.Proof){
		"steps in another order": func(p *register.Proof) { p.Steps[0], p.Steps[1] = p.Steps[1], p.Steps[0] },
		"a step twice":           func(p *register.Proof) { p.Steps = append(p.Steps, p.Steps[len(p.Steps)-1]) },
		"no steps":               func(p *register.Proof) { p.Steps = nil },
		"more steps than marks":  func(p *register.Proof) { p.Count = uint64(len(p.Steps)) },
		"too many marks":         func(p *register.Proof) { p.Count = register.MaxMarks + 1 },
		"a leaf among no marks":  func(p *register.Proof) { p.Count, p.Steps = 0, nil },
	} {
		p := b.Prove(list[5])
		edit(&p)
		if _, _, err := p.Verify(root, list[5]); !errors.Is(err, register.ErrForm) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := register.DecodeProof(p.Encode()); !errors.Is(err, register.ErrForm) {
			t.Errorf("%s decodes: %v", what, err)
		}
	}
}

func TestRootsAreGolden(t *testing.T) {
	for n, want := range map[uint64]string{
		0:    "8162f73000bab817621bb0a8ff16ff44d2245d63dbab35dcbcc909aeb41f8bd6",
		1:    "2a16f7d59c4cb3bde25d8b91a822bf6c5b34316561766cff350f3c4464e31a57",
		1000: "0de21d76732048ad4a15e3fa86384fbe4df0c0995c9011bfe160b34d0dcbec6d",
	} {
		b, _ := filled(n)
		if got := hexOf(b.Root()); got != want {
			t.Errorf("%d marks: root %s, want %s", n, got, want)
		}
	}
}

func FuzzDecodeProof(f *testing.F) {
	b, list := filled(40)
	f.Add(b.Prove(list[3]).Encode())
	f.Add(b.Prove(number(99)).Encode())
	f.Add(register.Proof{}.Encode())
	root := b.Root()
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := register.DecodeProof(raw)
		if err != nil {
			return
		}
		if !bytes.Equal(p.Encode(), raw) {
			t.Fatal("decoded bytes encode to others")
		}
		if _, present, err := p.Verify(root, number(7)); err == nil && present {
			t.Fatal("a value that is not there was proved to be")
		}
	})
}
