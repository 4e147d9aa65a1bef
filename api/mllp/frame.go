// Package mllp is the face for HL7 version 2 messages: the minimal lower layer
// protocol over TCP, release 1 (HL7 v2 transport specification, MLLP). It takes
// frames apart, hands each message to the feed desk, and writes the
// acknowledgement back. Messages of one connection are taken one after the
// other, in their order; what is acknowledged is durable.
//
// Memory and time are bounded: connections, the bytes of a frame, the time that
// a frame may take to arrive, and what may stand between frames.
package mllp

import (
	"bufio"
	"errors"
	"io"

	"cairn/fhir/er7"
)

// The characters of a frame: VT message FS CR.
const (
	startBlock     = 0x0b
	endBlock       = 0x1c
	carriageReturn = 0x0d
)

// maxGarbage bounds what may stand between frames, in bytes.
const maxGarbage = 64 << 10

var (
	// errTooLong: a frame holds more than a message may have.
	errTooLong = errors.New("the message is longer than 1 MB")
	// errGarbage: no frame begins.
	errGarbage = errors.New("what comes is not framed by MLLP")
)

// frames reads one connection.
type frames struct {
	in *bufio.Reader
}

// start passes over what stands between frames until one begins.
func (f *frames) start() error {
	for range maxGarbage {
		c, err := f.in.ReadByte()
		if err != nil {
			return err
		}
		if c == startBlock {
			return nil
		}
	}
	return errGarbage
}

// rest reads a frame that has begun, to the character that ends it. The CR that
// follows is passed over with what stands between frames, so that nobody waits
// for it. A frame that begins within another replaces it: its sender broke off.
// With errTooLong comes what was read.
func (f *frames) rest() ([]byte, error) {
	var message []byte
	for {
		part, err := f.in.ReadSlice(endBlock)
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		ended := err == nil
		if ended {
			part = part[:len(part)-1]
		}
		if at := lastStart(part); at >= 0 {
			message, part = message[:0], part[at+1:]
		}
		if len(message)+len(part) > er7.MaxMessage {
			return message, errTooLong
		}
		if message = append(message, part...); ended {
			return message, nil
		}
	}
}

func lastStart(part []byte) int {
	for i := len(part) - 1; i >= 0; i-- {
		if part[i] == startBlock {
			return i
		}
	}
	return -1
}

// frame puts a message into a frame.
func frame(message []byte) []byte {
	out := make([]byte, 0, len(message)+3)
	out = append(out, startBlock)
	out = append(out, message...)
	return append(out, endBlock, carriageReturn)
}
