package chain

import (
	"bufio"
	"crypto/ed25519"
	"encoding/hex"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"cairn/ledger/machine"
)

func childConfig() (Config, error) {
	raw, err := hex.DecodeString(os.Getenv(childGenesis))
	if err != nil {
		return Config{}, err
	}
	genesis, err := machine.DecodeGenesis(raw)
	if err != nil {
		return Config{}, err
	}
	name := os.Getenv(childMember)
	return Config{
		Dir: os.Getenv(childDir), Listen: os.Getenv(childListen), Genesis: genesis, Member: name,
		ValidatorKeys: []ed25519.PrivateKey{key("validator", name)}, NodeKey: key("node", name),
	}, nil
}

// runAndKill runs the node of cfg in a process of its own, without peers, has it submit tx, and kills it when its output
// says word.
func runAndKill(t *testing.T, cfg Config, tx []byte, word string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+cfg.Dir, childMember+"="+cfg.Member, childListen+"="+cfg.Listen,
		childGenesis+"="+hex.EncodeToString(cfg.Genesis.Encode()), childTx+"="+hex.EncodeToString(tx))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer limit.Stop()
	found := false
	for lines := bufio.NewScanner(out); !found && lines.Scan(); {
		found = strings.HasPrefix(lines.Text(), word)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if !found {
		t.Fatalf("the process never said %q", word)
	}
}

func TestATransactionOfAKilledNodeIsTakenWhenItIsSubmittedAgain(t *testing.T) {
	n := newNetwork(t, 4)
	west := newBook(n, "west")
	west.grow(5)
	tx := west.seal()
	// Alone it has no quorum: the transaction is in its pool, and in no block, when it dies.
	runAndKill(t, n.configs[3], tx, "waiting")
	chains := startAll(t, n)
	if _, found := chains[3].Sealed("west"); found {
		t.Fatal("the transaction outlived the process")
	}
	height, err := chains[3].Submit(t.Context(), tx)
	if err != nil {
		t.Fatal(err)
	}
	again, err := chains[3].Submit(t.Context(), tx)
	if err != nil || again != height {
		t.Fatalf("submitted once more: height %d, %v; want %d", again, err, height)
	}
	for _, c := range chains {
		until(t, "every node has the seal", func() bool { e, found := c.Sealed("west"); return found && e.Height == height })
	}
}

func TestAKilledValidatorComesBackWithAllThatWasDecided(t *testing.T) {
	n := newNetwork(t, 1)
	east := newBook(n, "east")
	for range 4 {
		east.grow(5)
		tx := east.seal(bucket("marks")...)
		runAndKill(t, n.configs[0], tx, "decided")
		east.sealed = east.size
	}
	c := start(t, n.configs[0])
	if e, found := c.Sealed("east"); !found || e.Size != 20 {
		t.Fatalf("sealed %+v, %t; want size 20", e, found)
	}
	if err := c.Scrub(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	east.submit(t, c, 1)
}
