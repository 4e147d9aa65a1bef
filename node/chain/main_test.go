package chain

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"testing"
)

// TestMain also plays the part of a node in a process of its own, for the tests that kill one.
func TestMain(m *testing.M) {
	if os.Getenv(childDir) != "" {
		if err := child(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const (
	childDir     = "CHAIN_TEST_DIR"
	childMember  = "CHAIN_TEST_MEMBER"
	childListen  = "CHAIN_TEST_LISTEN"
	childGenesis = "CHAIN_TEST_GENESIS"
	childTx      = "CHAIN_TEST_TX"
)

// child runs a node without peers, submits a transaction, and waits to be killed.
func child() error {
	tx, err := hex.DecodeString(os.Getenv(childTx))
	if err != nil {
		return err
	}
	cfg, err := childConfig()
	if err != nil {
		return err
	}
	c, err := Open(cfg)
	if err != nil {
		return err
	}
	if err := c.Start(context.Background()); err != nil {
		return err
	}
	go func() {
		height, err := c.Submit(context.Background(), tx)
		fmt.Println("decided", height, err)
	}()
	for c.node.Mempool().Size() == 0 && len(tx) > 0 && c.Height() < 3 {
		select {
		case <-c.Changed():
		case err := <-c.Failed():
			return err
		default:
		}
	}
	fmt.Println("waiting")
	select {}
}
