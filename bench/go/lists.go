package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/durationpb"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

var east = &pb.Location{Cloud: "modern", Region: "east"}

// A lister lists every server, and says how many have a name. What it is told may be so old.
type lister func(ctx context.Context, maxAge time.Duration) (int, error)

// answering makes a program that answers each line, of seconds that a list may be old, with what
// the list cost: how many servers, seconds of processor time, seconds.
func answering(prepare func(where string) (lister, error)) program {
	return func(where string) error {
		list, err := prepare(where)
		if err != nil {
			return err
		}
		fmt.Println("ready")
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			seconds, err := strconv.Atoi(lines.Text())
			if err != nil {
				return err
			}
			began, used := time.Now(), cpu()
			count, err := list(context.Background(), time.Duration(seconds)*time.Second)
			if err != nil {
				return err
			}
			fmt.Println(count, (cpu() - used).Seconds(), time.Since(began).Seconds())
		}
		return lines.Err()
	}
}

// cpu is what this process has used so far, in user and system mode.
func cpu() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func listClient(address string) (lister, error) {
	client, err := oaktree.Connect(address)
	if err != nil {
		return nil, err
	}
	servers := client.At(east).Servers
	return func(ctx context.Context, maxAge time.Duration) (int, error) {
		count := 0
		for server, err := range servers.List(ctx, &pb.ListServersRequest{MaxAge: durationpb.New(maxAge)}) {
			if err != nil {
				return count, err
			}
			if server.GetName() != "" {
				count++
			}
		}
		return count, nil
	}, nil
}

func listStub(address string) (lister, error) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	stub := pb.NewServerServiceClient(conn)
	return func(ctx context.Context, maxAge time.Duration) (int, error) {
		count := 0
		request := &pb.ListServersRequest{Location: east, MaxAge: durationpb.New(maxAge)}
		stream, err := stub.ListServers(ctx, request)
		for err == nil {
			var response *pb.ListServersResponse
			if response, err = stream.Recv(); err == nil {
				for _, server := range response.GetServers() {
					if server.GetName() != "" {
						count++
					}
				}
			}
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return count, err
	}, nil
}
