package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"cairn/node/fault"
)

// readFile reads a file up to limit bytes, or standard input for "-".
func readFile(path, what string, limit int64) ([]byte, error) {
	in := os.Stdin
	if path != "-" {
		file, err := os.Open(path) //nolint:gosec // the user names it
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fault.New(fault.NotFound, "file", what+" "+path+" does not exist")
		}
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, "file", what+" "+path+" cannot be read", err)
		}
		defer file.Close()
		in = file
	}
	if info, err := in.Stat(); err == nil && info.IsDir() {
		return nil, fault.New(fault.Invalid, "file", what+" "+path+" is a directory, not a file")
	}
	data, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "file", what+" "+path+" cannot be read", err)
	}
	return data, nil
}

// writeFile writes a file whole or not at all, for its owner only. What is not
// a plain file, such as a terminal, is written to as it is.
func writeFile(path, what string, data []byte) (err error) {
	defer func() {
		if err != nil {
			err = fault.Wrap(fault.Invalid, "file", what+" cannot be written to "+path, err)
		}
	}()
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return errors.New("it is a directory")
	case err == nil && !info.Mode().IsRegular():
		return os.WriteFile(path, data, 0o600)
	}
	next, err := os.CreateTemp(filepath.Dir(path), ".cairn-*")
	if err != nil {
		return noPlace(err)
	}
	_, err = next.Write(data)
	err = errors.Join(err, next.Sync(), next.Close())
	if err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(next.Name()))
	}
	return nil
}

// noPlace says why a file cannot be made without the name that it would have
// had at first.
func noPlace(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return fmt.Errorf("in that directory: %w", at.Err)
	}
	return err
}
