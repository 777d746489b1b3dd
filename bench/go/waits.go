package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"sync"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// waiting has somebody wait for each server whose id standard input tells, up to an empty line,
// until standard input ends. Each says when it has begun; none may be done before.
func waiting(wait func(id string, begun func()) error) error {
	lines := bufio.NewScanner(os.Stdin)
	var begun sync.WaitGroup
	for lines.Scan() && lines.Text() != "" {
		id := lines.Text()
		begun.Add(1)
		go func() {
			err := wait(id, sync.OnceFunc(begun.Done))
			if err == nil {
				err = errors.New("is ready, and should never be")
			}
			log.Fatalf("server %s: %v", id, err)
		}()
	}
	begun.Wait()
	fmt.Println("open, but for 0")
	_, err := io.Copy(io.Discard, os.Stdin)
	return errors.Join(lines.Err(), err)
}

func waitClient(address string) error {
	client, err := oaktree.Connect(address)
	if err != nil {
		return err
	}
	cloud := client.At(east)
	return waiting(func(id string, begun func()) error {
		for _, err := range cloud.Servers.WaitStates(context.Background(), &pb.WaitServerRequest{NameOrId: id}) {
			if err != nil {
				return err
			}
			begun()
		}
		return nil
	})
}

func waitGophercloud(path string) error {
	client, err := compute(context.Background(), path)
	if err != nil {
		return err
	}
	return waiting(func(id string, begun func()) error {
		begun()
		return servers.WaitForStatus(context.Background(), client, id, "ACTIVE")
	})
}
