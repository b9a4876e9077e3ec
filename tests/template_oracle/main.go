// The oracle for the template language: reads one JSON case a line on standard input, renders it with Go's own
// text/template or html/template, and writes one JSON result a line.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	htmltemplate "html/template"
	"os"
	texttemplate "text/template"

	"oracle/template"
)

// A case. Files are parsed first, in order; Text is the string of the configuration.
type testCase struct {
	Name  string            `json:"name"`
	HTML  bool              `json:"html"`
	Files map[string]string `json:"files,omitempty"`
	Text  string            `json:"text"`
	Data  json.RawMessage   `json:"data"`
}

type result struct {
	Name  string `json:"name"`
	Out   string `json:"out"`
	Error string `json:"error,omitempty"`
}

func main() {
	if len(os.Args) > 1 {
		bench(os.Args[1:])
		return
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 64<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		var c testCase
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			panic(err)
		}
		r := result{Name: c.Name}
		text, err := render(&c)
		if err != nil {
			r.Error = err.Error()
		} else {
			r.Out = text
		}
		line, err := json.Marshal(r)
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(out, string(line))
	}
}

func render(c *testCase) (string, error) {
	var data template.Data
	if err := json.Unmarshal(c.Data, &data); err != nil {
		panic(err)
	}
	data.MarkRendered()
	var buf bytes.Buffer
	if c.HTML {
		set := htmltemplate.New("").Option("missingkey=zero").Funcs(template.Functions(&data))
		for name, text := range c.Files {
			if _, err := set.New(name).Parse(text); err != nil {
				return "", err
			}
		}
		t, err := set.New("").Option("missingkey=zero").Parse(c.Text)
		if err != nil {
			return "", err
		}
		err = t.Execute(&buf, &data)
		return buf.String(), err
	}
	set := texttemplate.New("").Option("missingkey=zero").Funcs(template.Functions(&data))
	for name, text := range c.Files {
		if _, err := set.New(name).Parse(text); err != nil {
			return "", err
		}
	}
	t, err := set.New("").Option("missingkey=zero").Parse(c.Text)
	if err != nil {
		return "", err
	}
	err = t.Execute(&buf, &data)
	return buf.String(), err
}
