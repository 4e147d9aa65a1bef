package chain

import (
	"path/filepath"

	"cairn/node/chain/signer"
)

// Disk is how many bytes the ledger takes on this node.
type Disk struct {
	Blocks   int64 // every block and the signatures under it: grows with the blocks
	State    int64 // what CometBFT keeps beside them
	Books    int64 // the machine as last written: grows with the marks
	Calendar int64 // leaves and their tree: 112 bytes a leaf
	Log      int64 // messages of the running height: bounded, about 20 MB
}

// Total returns the sum of all parts.
func (d Disk) Total() int64 { return d.Blocks + d.State + d.Books + d.Calendar + d.Log }

// Disk measures the directory. Blocks and State also hold what their stores have not yet compacted, up to a few MB.
func (c *Chain) Disk() Disk {
	size := func(name string) int64 { return folderSize(filepath.Join(c.cfg.Dir, name)) }
	return Disk{
		Blocks:   size(blockStore + ".db"),
		State:    size(stateStore+".db") + size("evidence.db") + size(signer.File) + size(genesisFile),
		Books:    size(booksFile),
		Calendar: size(leavesFile) + size(nodesFile),
		Log:      size(walDir),
	}
}
