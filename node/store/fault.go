package store

import "cairn/node/fault"

func busy(cause error) error {
	return fault.Wrap(fault.Busy, "store.busy", "The records store is busy. Please try again in a moment.", cause)
}

func full(cause error) error {
	return fault.Wrap(fault.Full, "store.full",
		"There is no space left to store anything, so nothing was saved.", cause).
		WithHint("Free space on the disk that holds the data directory; the store goes on by itself.")
}

func unreadable(cause error) error {
	return fault.Wrap(fault.Broken, "store.io",
		"The disk that holds the records could not be read or written, so nothing was saved.", cause).
		WithHint("Check the disk of the data directory.")
}

func corrupt(cause error) error {
	return fault.Wrap(fault.Broken, "store.corrupt", "The records store is damaged.", cause).
		WithHint("Stop the node, run `cairn scrub`, and restore the data directory from a backup.")
}

func broken(cause error) error {
	return fault.Wrap(fault.Broken, "store.broken", "The records store failed, so nothing was saved.", cause)
}

func closed() error {
	return fault.New(fault.Busy, "store.closed", "The node is stopping. Please try again in a moment.")
}

// damaged says that a row does not have the shape this package writes.
func damaged(what string) error {
	return fault.New(fault.Broken, "store.corrupt", "The records store is damaged: "+what+" is not readable.")
}

// altered says that rows which belong together disagree.
func altered(what string) error {
	return fault.New(fault.Broken, "store.altered", "The records store was altered or is damaged: "+what+".")
}

func missing(code, text string) error { return fault.New(fault.NotFound, code, text) }
