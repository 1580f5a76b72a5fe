// Reads samples with Go's own libraries, go-spiffe, go-jose, golang-jwt and zlint, and says what each thinks of them: one
// JSON object a line. Usage: reader FOLDER
package main

import (
	"encoding/json"
	"log"
	"os"
	"path/filepath"
)

type sample struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Breaks   string `json:"breaks"`
	Chain    string `json:"chain"`
	Roots    string `json:"roots"`
	Host     string `json:"host"`
	Address  string `json:"address"`
	Token    string `json:"token"`
	Bundle   string `json:"bundle"`
	Keys     string `json:"keys"`
	Issuer   string `json:"issuer"`
	Audience string `json:"audience"`
}

type introduction struct {
	Reader   string   `json:"reader"`
	Kinds    []string `json:"kinds"`
	Rules    []string `json:"rules"`
	GoodOnly bool     `json:"goodOnly,omitempty"`
}

type facts map[string]any

type verdict struct {
	Reader   string   `json:"reader"`
	Sample   string   `json:"sample"`
	Accepts  bool     `json:"accepts"`
	Detail   string   `json:"detail,omitempty"`
	Facts    facts    `json:"facts,omitempty"`
	Findings []string `json:"findings,omitempty"`
}

// A reader finds facts in a sample or refuses it with an error.
type reader struct {
	introduction
	read map[string]func(s sample) (facts, error)
	lint func(s sample) ([]string, error)
}

var folder string

func content(name string) []byte {
	data, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		log.Fatal(err)
	}
	return data
}

func main() {
	folder = os.Args[1]
	var manifest struct {
		Samples []sample `json:"samples"`
	}
	if err := json.Unmarshal(content("manifest.json"), &manifest); err != nil {
		log.Fatal(err)
	}
	out := json.NewEncoder(os.Stdout)
	for _, r := range []reader{goX509, goSpiffe, goJose, golangJwt, zlintReader} {
		_ = out.Encode(r.introduction)
		for _, s := range manifest.Samples {
			if v, ok := r.look(s); ok {
				_ = out.Encode(v)
			}
		}
	}
}

func (r reader) look(s sample) (verdict, bool) {
	v := verdict{Reader: r.Reader, Sample: s.Name}
	var err error
	if r.lint != nil {
		if s.Kind != "x509" || s.Breaks != "" {
			return v, false
		}
		v.Findings, err = r.lint(s)
	} else {
		read, ok := r.read[s.Kind]
		if !ok {
			return v, false
		}
		v.Facts, err = read(s)
	}
	v.Accepts = err == nil
	if err != nil {
		v.Detail = err.Error()
		v.Facts = nil
	}
	return v, true
}
