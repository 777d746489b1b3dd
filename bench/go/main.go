// Command clients does what `make bench` measures the Go client by: with package oaktree, with the
// bare stubs that it is made of, and with gophercloud.
package main

import (
	"log"
	"maps"
	"os"
	"slices"
)

// A program works against an oaktree's address, or a clouds.yaml, until standard input ends.
type program func(where string) error

var programs = map[string]program{
	"list-client":      answering(listClient),
	"list-stub":        answering(listStub),
	"list-gophercloud": answering(listGophercloud),
	"wait-client":      waitClient,
	"wait-gophercloud": waitGophercloud,
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 || programs[os.Args[1]] == nil {
		log.Fatalf("usage: clients PROGRAM WHERE, PROGRAM one of %v", slices.Sorted(maps.Keys(programs)))
	}
	if err := programs[os.Args[1]](os.Args[2]); err != nil {
		log.Fatal(err)
	}
}
