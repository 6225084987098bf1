// SPDX-License-Identifier: Apache-2.0

// Package setup makes, shows and installs what a search engine has to know before events come: mappings, the
// ingest pipeline, index templates, and how long data are kept; and dashboards.
//
// [Plan] makes the resources, [Compare] finds out how they differ from those that are installed, [Comparison.Apply] installs.
package setup

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"sensor/internal/events"
)

// Version of the resources. It grows with every change of what is installed: what a newer sensor has installed is
// left alone. testdata/versions.txt says which versions are released.
const Version = 1

// owner marks what this package has made.
const owner = "sensor"

// priority of the index templates: above those that come with the engine (100), below those of Elastic's
// integrations (200), which thereby keep what is theirs.
const priority = 150

// An object of JSON.
type object = map[string]any

// Options say what is set up.
type Options struct {
	DatasetPrefix string // data_stream.dataset up to the last dot, such as "sensor"
	Namespace     string // data_stream.namespace of those who will send events; "": "default"
	Lifecycle     Lifecycle
}

// Kind of a resource.
type Kind string

// The kinds, in the order in which they are installed: each needs those before it.
const (
	KindPhases    Kind = "lifecycle policy"
	KindStates    Kind = "state management policy"
	KindPipeline  Kind = "ingest pipeline"
	KindComponent Kind = "component template"
	KindTemplate  Kind = "index template"
)

var paths = map[Kind]string{
	KindPhases:    "/_ilm/policy/",
	KindStates:    "/_plugins/_ism/policies/",
	KindPipeline:  "/_ingest/pipeline/",
	KindComponent: "/_component_template/",
	KindTemplate:  "/_index_template/",
}

// A Resource is one thing that is installed by PUT.
type Resource struct {
	Kind Kind
	Name string
	Body any  // marshals to the JSON of the request
	Once bool // made if it is missing; from then on it is the users' own
}

// Path of the resource below the engine's URL.
func (r Resource) Path() string { return paths[r.Kind] + url.PathEscape(r.Name) }

// JSON is the body of the request that installs the resource, to be read.
func (r Resource) JSON() []byte {
	text, err := format(r.Body)
	if err != nil {
		panic(err) // our own tables
	}
	return text
}

// Planned is what is to be installed, in that order, and what has to be said about it.
type Planned struct {
	Target    Target
	Options   Options
	Resources []Resource
	Notes     []string // what was asked for and is left out, and why
}

// Plan makes the resources for an engine. It fails if the options do.
func Plan(t Target, o Options) (*Planned, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	p := &Planned{Target: t, Options: o}
	n := names{"logs-" + o.DatasetPrefix}
	p.lifecycle(n)
	if !t.Wildcard {
		p.note("mapping: this engine has no wildcard fields; of command lines only those up to %d characters can be searched with wildcards", longest)
	}
	p.add(KindPipeline, n.ingested(), pipeline(t))
	p.add(KindComponent, n.mappings(), component(object{"mappings": mapping(t)}))
	p.add(KindComponent, n.settings(), component(p.settings(n)))
	p.Resources = append(p.Resources, Resource{Kind: KindComponent, Name: n.custom(), Once: true, Body: object{
		"template": object{},
		"_meta":    object{"description": "Yours: what stands here goes before what sensor setup installs. It is never changed."},
	}})
	for _, category := range categories() {
		p.add(KindTemplate, n.template(category), template(n, category))
	}
	return p, nil
}

func (p *Planned) add(kind Kind, name string, body any) {
	p.Resources = append(p.Resources, Resource{Kind: kind, Name: name, Body: body})
}

func (p *Planned) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}

// Print writes each resource as a request that can be pasted into the engine's console.
func (p *Planned) Print(w io.Writer) error {
	var b bytes.Buffer
	p.writeNotes(&b)
	for i, r := range p.Resources {
		if i > 0 || len(p.Notes) > 0 {
			b.WriteByte('\n')
		}
		if r.Once {
			b.WriteString("# Only if it is missing.\n")
		}
		fmt.Fprintf(&b, "PUT %s\n%s", r.Path(), r.JSON())
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (p *Planned) writeNotes(b *bytes.Buffer) {
	for _, note := range p.Notes {
		fmt.Fprintf(b, "# %s\n", note)
	}
}

func (o Options) check() error {
	var errs []error
	if o.DatasetPrefix == "" || strings.ToLower(o.DatasetPrefix) != o.DatasetPrefix || strings.ContainsAny(o.DatasetPrefix, "\\/*?\"<>| ,#:-") {
		errs = append(errs, fmt.Errorf("data set prefix %q: want lower case without \\/*?\"<>| ,#:-", o.DatasetPrefix))
	}
	return errors.Join(append(errs, o.Lifecycle.check())...)
}

// stream that a template makes in the namespace.
func (o Options) stream(template Resource) string {
	return template.Name + "-" + cmp.Or(o.Namespace, "default")
}

// categories are the last parts of the names of the data sets.
func categories() []string {
	found := map[string]bool{}
	for _, kind := range events.Kinds() {
		found[kind.Traits().Dataset] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// names of the resources for one prefix: "logs-sensor".
type names struct{ prefix string }

func (n names) mappings() string                { return n.prefix + "@mappings" }
func (n names) settings() string                { return n.prefix + "@settings" }
func (n names) custom() string                  { return n.prefix + "@custom" }
func (n names) ingested() string                { return n.prefix + "@ingested" }
func (n names) lifecycle() string               { return n.prefix + "@lifecycle" }
func (n names) template(category string) string { return n.prefix + "." + category }
func (n names) pattern(category string) string  { return n.prefix + "." + category + "-*" }
