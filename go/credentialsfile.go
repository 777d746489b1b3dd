package oaktree

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"
)

// A credentialsFile says who calls the oaktree at one address.
type credentialsFile struct {
	claims
	// Where the address leads.
	target string
	path   string
	// Whether the caller, or the environment, names it.
	isNamed bool
}

// findCredentials reads the file that is named, else the user's own; it says nothing where there is
// none.
func findCredentials(named string) (*credentialsFile, error) {
	file := &credentialsFile{path: named, isNamed: named != ""}
	if !file.isNamed {
		folder := os.Getenv("XDG_CONFIG_HOME")
		if !filepath.IsAbs(folder) {
			home, err := os.UserHomeDir()
			if err != nil {
				file.path = "a credentials file"
				return file, nil
			}
			folder = filepath.Join(home, ".config")
		}
		file.path = filepath.Join(folder, "oaktree", "credentials.yaml")
	}
	content, err := readPrivate(file.path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && !file.isNamed {
			return file, nil
		}
		return nil, fmt.Errorf("oaktree: the credentials: %w", err)
	}
	if err := file.read(content); err != nil {
		return nil, fmt.Errorf("oaktree: the credentials in %s: %w", file.path, err)
	}
	return file, nil
}

var (
	// What the parser says besides may be a part of a secret.
	lineOfError = regexp.MustCompile(`line \d+`)
	// What does not look like a key may be a secret in the wrong place.
	likeAKey = regexp.MustCompile(`^[A-Za-z_-]{1,40}$`)
)

// read fills in what the file says. Errors name a line or a key, never a value.
func (f *credentialsFile) read(content []byte) error {
	var document, more yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	if err := decoder.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s is not YAML", cmp.Or(lineOfError.FindString(err.Error()), "it"))
	}
	if len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
		return errors.New("it is not a mapping with address, client_id and client_secret")
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return errors.New("it is more than one document")
	}
	fields := map[string]*string{
		"address": &f.address, "client_id": &f.id, "client_secret": &f.secret, "ca": &f.ca, "cloud": &f.cloud,
	}
	for pair := range slices.Chunk(document.Content[0].Content, 2) {
		key, value := pair[0], pair[1]
		field, known := fields[key.Value]
		switch {
		case !known && likeAKey.MatchString(key.Value):
			return fmt.Errorf("line %d: unknown key %s", key.Line, key.Value)
		case !known:
			return fmt.Errorf("line %d: unknown key", key.Line)
		case *field != "":
			return fmt.Errorf("line %d: %s is there twice", key.Line, key.Value)
		case value.Kind != yaml.ScalarNode || value.ShortTag() != "!!str" || value.Value == "":
			return fmt.Errorf("line %d: %s is to be a text; one that could be a number needs quotes", key.Line, key.Value)
		}
		*field = value.Value
	}
	for _, needed := range []string{"address", "client_id", "client_secret"} {
		if *fields[needed] == "" {
			return fmt.Errorf("%s is missing", needed)
		}
	}
	where, err := parseAddress(f.address, false, false)
	if err != nil {
		return errors.New("address is not host:port, https://… or unix:/path")
	}
	f.target = where.target
	if f.cloud != "" && !isSendable(f.cloud) {
		return errors.New("cloud holds characters that cannot be sent")
	}
	if f.ca != "" && !filepath.IsAbs(f.ca) {
		f.ca = filepath.Join(filepath.Dir(f.path), f.ca)
	}
	f.names.id, f.names.secret = "client_id", "client_secret"
	return nil
}
