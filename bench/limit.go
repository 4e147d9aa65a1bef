package bench

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Limits are what this machine could do at best, measured in the same run and
// without any of the house: a figure is judged beside them.
type Limits struct {
	Fsync     float64 `json:"fsync_per_second"`      // appends of 4 KB to a file in the data directory, each flushed, one after the other
	AESGCM    float64 `json:"aes_gcm_mb_per_second"` // AES-256-GCM, sealing 1 KB at a time, one core
	SHA256    float64 `json:"sha256_mb_per_second"`  // 1 KB at a time, one core
	Ed25519   float64 `json:"ed25519_verify_us"`
	P256      float64 `json:"p256_verify_us"`
	RoundTrip float64 `json:"http_round_trips_per_second"` // an empty handler of net/http in this process, over loopback, with as many clients
	Program   float64 `json:"program_start_ms"`            // this program printing its version, median of five
}

const limitSpan = time.Second

func measureLimits(ctx context.Context, dir string, clients int) (l Limits, err error) {
	if l.Fsync, err = fsyncRate(dir, limitSpan); err != nil {
		return l, err
	}
	if l.RoundTrip, err = roundTrips(ctx, clients, limitSpan); err != nil {
		return l, err
	}
	if l.AESGCM, err = sealRate(); err != nil {
		return l, err
	}
	block := make([]byte, 1024)
	l.SHA256 = perSecond(func() { sha256.Sum256(block) }) * float64(len(block)) / 1e6
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return l, err
	}
	signature := ed25519.Sign(private, block)
	l.Ed25519 = 1e6 / perSecond(func() { ed25519.Verify(public, block, signature) })
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return l, err
	}
	digest := sha256.Sum256(block)
	signed, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		return l, err
	}
	l.P256 = 1e6 / perSecond(func() { ecdsa.VerifyASN1(&key.PublicKey, digest[:], signed) })
	return l, nil
}

// perSecond calls f for a while and returns how often it ran in a second.
func perSecond(f func()) float64 {
	const batch = 32
	n, begin := 0, time.Now()
	for time.Since(begin) < limitSpan/4 {
		for range batch {
			f()
		}
		n += batch
	}
	return float64(n) / time.Since(begin).Seconds()
}

func sealRate() (float64, error) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		return 0, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return 0, err
	}
	plain, nonce := make([]byte, 1024), make([]byte, aead.NonceSize())
	out := make([]byte, 0, len(plain)+aead.Overhead())
	return perSecond(func() { aead.Seal(out, nonce, plain, nil) }) * float64(len(plain)) / 1e6, nil //nolint:gosec // nothing is kept secret with it
}

// fsyncRate appends 4 KB to a file and flushes it, over and over.
func fsyncRate(dir string, span time.Duration) (rate float64, err error) {
	file, err := os.Create(filepath.Join(dir, "fsync")) //nolint:gosec // in the directory that was given
	if err != nil {
		return 0, fmt.Errorf("measuring flushes: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	page := make([]byte, 4096)
	rand.Read(page) // never fails: crypto/rand, Go 1.24
	n, begin := 0, time.Now()
	for ; time.Since(begin) < span; n++ {
		if _, err := file.Write(page); err != nil {
			return 0, fmt.Errorf("measuring flushes: %w", err)
		}
		if err := file.Sync(); err != nil {
			return 0, fmt.Errorf("measuring flushes: %w", err)
		}
	}
	return float64(n) / time.Since(begin).Seconds(), nil
}

// roundTrips asks a handler that does nothing.
func roundTrips(ctx context.Context, clients int, span time.Duration) (rate float64, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("measuring round trips: %w", err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), ReadHeaderTimeout: time.Second}
	go server.Serve(listener) //nolint:errcheck // it ends with Close
	defer func() { err = errors.Join(err, server.Close()) }()
	root := "http://" + listener.Addr().String()
	all, err := lines(root, clients)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, hangUp(all)) }()
	ask := request(http.MethodGet, root, "/", "", "", nil)
	t, err := closed(ctx, clients, span/10, span, func(client int, _ uint64) (int, error) {
		_, err := all[client].expect(http.StatusOK, ask)
		return 1, err
	})
	return t.rate(), err
}
