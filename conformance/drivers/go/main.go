// Command driver makes the calls that the conformance suite asks for, through package oaktree alone.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"reflect"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// command is a line of standard input.
type command struct {
	ID                 int
	Connect            *connection
	Close              bool
	Collection, Method string
	Cloud              string
	At, Request        json.RawMessage
	Source, Target     *file
	Timeout            float64
	Take               int
	States, Failures   bool
	Progress           bool
}

// connection is whom to connect to, and as whom.
type connection struct {
	Address, Token, Cloud, CA, Credentials string

	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
}

// A teller says a line about a command: what kind of line it is, and what it says.
type teller func(kind string, what any)

var output sync.Mutex

func (c command) teller() teller {
	return func(kind string, what any) {
		line, err := json.Marshal(map[string]any{"id": c.ID, kind: what})
		if err != nil {
			log.Fatal(err)
		}
		output.Lock()
		defer output.Unlock()
		os.Stdout.Write(append(line, '\n'))
	}
}

func main() {
	var client *oaktree.Client
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var c command
		if err := json.Unmarshal(line, &c); err != nil {
			log.Fatal(err)
		}
		tell := c.teller()
		switch {
		case c.Connect != nil:
			if client, err = c.Connect.make(); err != nil {
				tell("refused", err.Error())
			} else {
				tell("result", nil)
			}
		case c.Close:
			client.Close()
			tell("result", nil)
		default:
			go c.call(client, tell)
		}
	}
}

// make makes the client.
func (c *connection) make() (*oaktree.Client, error) {
	var opts []oaktree.Option
	if c.Token != "" {
		opts = append(opts, oaktree.WithToken(c.Token))
	}
	if c.ClientID+c.ClientSecret != "" {
		opts = append(opts, oaktree.WithClientCredentials(c.ClientID, c.ClientSecret))
	}
	if c.Cloud != "" {
		opts = append(opts, oaktree.WithCredentialsCloud(c.Cloud))
	}
	if c.CA != "" {
		opts = append(opts, oaktree.WithCA(c.CA))
	}
	if c.Credentials != "" {
		opts = append(opts, oaktree.WithCredentialsFile(c.Credentials))
	}
	return oaktree.Connect(c.Address, opts...)
}

// call makes a call and tells how it goes.
func (c command) call(client *oaktree.Client, tell teller) {
	scope, err := c.scope(client)
	if err != nil {
		tell("broken", err.Error())
		return
	}
	ctx := context.Background()
	var told func(oaktree.Progress)
	if c.Progress {
		// Of what has none it is the client that has to end what is left.
		left, leave := context.WithCancel(ctx)
		defer leave()
		ctx, told = left, c.progress(tell, leave)
	}
	if c.Timeout > 0 {
		limited, cancel := context.WithTimeout(ctx, time.Duration(c.Timeout*float64(time.Second)))
		defer cancel()
		ctx = limited
	}
	if c.Collection == "" {
		result, err := c.directory(ctx, scope, told)
		c.end(result, err, tell)
		return
	}
	method, args, err := c.prepare(scope, told, tell)
	if err != nil {
		tell("broken", err.Error())
		return
	}
	answers := method.Call(append([]reflect.Value{reflect.ValueOf(ctx)}, args...))
	if first := answers[0]; first.Kind() == reflect.Func {
		c.iterate(first, tell)
		return
	}
	var result any
	if len(answers) > 1 {
		result = shown(answers[0].Interface())
	}
	err, _ = answers[len(answers)-1].Interface().(error)
	c.end(result, err, tell)
}

// end tells how a call ended.
func (c command) end(result any, err error, tell teller) {
	switch {
	case err == nil:
		tell("result", result)
	case c.Progress && c.Take > 0 && errors.Is(err, oaktree.ErrCancelled):
		tell("result", nil)
	case isOwn(err):
		tell("error", failed(err, result))
	default:
		tell("refused", err.Error())
	}
}

// scope is where a call goes.
func (c command) scope(client *oaktree.Client) (*oaktree.Scope, error) {
	if c.Cloud != "" {
		return client.Cloud(c.Cloud), nil
	}
	if c.At == nil {
		return client.Scope, nil
	}
	where := &pb.Location{}
	if err := protojson.Unmarshal(c.At, where); err != nil {
		return nil, err
	}
	return client.At(where), nil
}

// prepare finds what to call, and what to call it with after the context.
func (c command) prepare(scope *oaktree.Scope, told func(oaktree.Progress), tell teller) (reflect.Value, []reflect.Value, error) {
	name := pascal(c.Method)
	if c.States {
		name += "States"
	}
	var method reflect.Value
	if collection := reflect.Indirect(reflect.ValueOf(scope)).FieldByName(pascal(c.Collection)); collection.IsValid() {
		method = collection.MethodByName(name)
	}
	if !method.IsValid() {
		return method, nil, fmt.Errorf("there is no %s.%s", pascal(c.Collection), name)
	}
	args := []reflect.Value{}
	if c.Source != nil {
		args = append(args, reflect.ValueOf(c.Source.source()))
	} else if c.Target != nil {
		args = append(args, reflect.ValueOf(c.Target.target()))
	}
	request := reflect.New(method.Type().In(1 + len(args)).Elem())
	args = append(args, request)
	if c.Failures {
		args = append(args, reflect.ValueOf(oaktree.OnFailure(func(err *oaktree.Error) {
			tell("failure", shown(err))
		})))
	}
	if told != nil {
		args = append(args, reflect.ValueOf(oaktree.OnProgress(told)))
	}
	return method, args, protojson.Unmarshal(c.Request, request.Interface().(proto.Message))
}

// iterate ranges over what a call streams.
func (c command) iterate(stream reflect.Value, tell teller) {
	var last any
	count := 0
	for item, err := range stream.Seq2() {
		if err, ok := err.Interface().(error); ok {
			tell("error", failed(err, nil))
			return
		}
		last = shown(item.Interface())
		tell("item", last)
		if count++; count == c.Take {
			break
		}
	}
	if c.States {
		tell("result", last)
	} else {
		tell("result", nil)
	}
}

// pascal makes FloatingIps of floating_ips.
func pascal(name string) string {
	var made strings.Builder
	for word := range strings.SplitSeq(name, "_") {
		made.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return made.String()
}
