// What coding costs elsewhere, for the bench "coding": prints JSON, MB of 10^6 bytes of data a
// second, by processor time on one thread, best of some rounds.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"github.com/celestiaorg/rsmt2d"
	"github.com/klauspost/reedsolomon"
)

const (
	rounds    = 5
	dataRows  = 1024
	rowSize   = 32768
	dataSize  = dataRows * rowSize
	shareSize = 512
)

func main() {
	runtime.GOMAXPROCS(1)
	figures := map[string]map[string]float64{
		"klauspost/reedsolomon": {
			"encode1024Of4096MBs":   encode(4096),
			"encode1024Of3072MBs":   encode(3072),
			"reconstructAllLostMBs": reconstruct(4096),
		},
		"celestiaorg/rsmt2d": {"extendAndCommitMBs": extend()},
	}
	must(json.NewEncoder(os.Stdout).Encode(figures))
}

func encode(codedRows int) float64 {
	coder, rows := newCoder(codedRows)
	return rate(func() { must(coder.Encode(rows)) })
}

// All data rows are lost, and as many parity rows as may be.
func reconstruct(codedRows int) float64 {
	coder, rows := newCoder(codedRows)
	must(coder.Encode(rows))
	return rate(func() {
		lost := make([][]byte, codedRows)
		copy(lost[dataRows:2*dataRows], rows[dataRows:2*dataRows])
		must(coder.ReconstructData(lost))
	})
}

func newCoder(codedRows int) (reedsolomon.Encoder, [][]byte) {
	coder, err := reedsolomon.New(dataRows, codedRows-dataRows,
		reedsolomon.WithLeopardGF16(true), reedsolomon.WithMaxGoroutines(1))
	must(err)
	rows := make([][]byte, codedRows)
	for index := range rows {
		rows[index] = make([]byte, rowSize)
	}
	for index := range dataRows {
		fill(rows[index], index)
	}
	return coder, rows
}

// A square of 256 by 256 shares to 512 by 512, with the roots of its rows and columns.
func extend() float64 {
	shares := make([][]byte, dataSize/shareSize)
	for index := range shares {
		shares[index] = make([]byte, shareSize)
		fill(shares[index], index)
	}
	return rate(func() {
		square, err := rsmt2d.ComputeExtendedDataSquare(
			shares, rsmt2d.NewLeoRSCodec(), rsmt2d.NewDefaultTree)
		must(err)
		_, err = square.RowRoots()
		must(err)
		_, err = square.ColRoots()
		must(err)
	})
}

func rate(work func()) float64 {
	best := 0.0
	for range rounds {
		runtime.GC()
		before := processorSeconds()
		work()
		best = max(best, dataSize/(processorSeconds()-before)/1e6)
	}
	return best
}

func processorSeconds() float64 {
	var usage syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	seconds := func(time syscall.Timeval) float64 {
		return float64(time.Sec) + float64(time.Usec)/1e6
	}
	return seconds(usage.Utime) + seconds(usage.Stime)
}

// Bytes of a linear congruential generator.
func fill(bytes []byte, seed int) {
	state := uint32(seed) | 1
	for index := range bytes {
		state = state*1103515245 + 12345
		bytes[index] = byte(state >> 24)
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
