module zg/coding/peers

go 1.24

require (
	github.com/celestiaorg/rsmt2d v0.14.0
	github.com/klauspost/reedsolomon v1.14.2
)

require (
	github.com/celestiaorg/merkletree v0.0.0-20210714075610-a84dc3ddbbe4 // indirect
	github.com/klauspost/cpuid/v2 v2.3.0 // indirect
	golang.org/x/sync v0.7.0 // indirect
	golang.org/x/sys v0.30.0 // indirect
)
