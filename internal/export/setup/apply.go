// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// ErrForeign is matched by the error of a run that would have to replace what somebody else has made.
var ErrForeign = errors.New("somebody else has made it, and only force replaces it")

// Write shows what [Comparison.Apply] would do, each change as a difference to what is installed.
func (c *Comparison) Write(w io.Writer, force bool) error {
	var b bytes.Buffer
	c.Planned.writeNotes(&b)
	changes, foreign := 0, 0
	for _, f := range c.Findings {
		text, change := f.intent(force)
		fmt.Fprintf(&b, "%s %s: %s\n", f.Kind, f.Name, text)
		if change {
			changes++
		} else if f.State == Foreign {
			foreign++
		}
		if f.Diff != "" && f.State != Same && f.State != Served {
			fmt.Fprintf(&b, "--- installed\n+++ sensor setup\n%s", f.Diff)
		}
	}
	switch {
	case foreign > 0:
		b.WriteString("Nothing would be installed, for what somebody else has made is in the way.\n")
	case changes == 0:
		b.WriteString("Nothing is to be done.\n")
	}
	_, err := w.Write(b.Bytes())
	return err
}

// intent is what is done with a finding, in words, and whether it is a change.
func (f Finding) intent(force bool) (string, bool) {
	switch f.State {
	case Missing:
		return "to be created", true
	case Differs:
		return "to be changed", true
	case Newer, Foreign:
		switch {
		case force:
			return f.Why + ": to be replaced", true
		case f.State == Foreign:
			return f.Why + ": in the way", false
		}
		return f.Why + ": left alone", false
	case Served:
		return f.Why + ": left out", false
	}
	return string(f.State), false
}

// Apply installs what is missing or differs, and says so to w. What newer sensors have installed is left alone. If somebody
// else has made a resource, nothing is installed, and the error matches [ErrForeign]. Force replaces both.
func (c *Comparison) Apply(ctx context.Context, client Client, w io.Writer, force bool) error {
	var b bytes.Buffer
	c.Planned.writeNotes(&b)
	var foreign []error
	for _, f := range c.Findings {
		if f.State == Foreign && !force {
			foreign = append(foreign, fmt.Errorf("install %s %s: %w", f.Kind, f.Name, ErrForeign))
		}
	}
	if len(foreign) > 0 {
		return errors.Join(foreign...)
	}
	err := c.install(ctx, session{client, c.Planned.Target}, &b, force)
	if _, failed := w.Write(b.Bytes()); err == nil {
		err = failed
	}
	return err
}

func (c *Comparison) install(ctx context.Context, s session, b *bytes.Buffer, force bool) error {
	changes, templates := 0, 0
	for _, f := range c.Findings {
		text, change := f.intent(force)
		if change {
			if err := s.put(ctx, f); err != nil {
				return err
			}
			changes++
			if f.State != Missing && f.Kind != KindPipeline {
				templates++
			}
			text = strings.TrimPrefix(text, "to be ")
		}
		fmt.Fprintf(b, "%s %s: %s\n", f.Kind, f.Name, text)
	}
	if changes == 0 {
		b.WriteString("Nothing was to be done.\n")
	}
	if templates == 0 {
		return nil
	}
	streams, err := s.streams(ctx, c.Planned)
	if err != nil {
		return err
	}
	if len(streams) > 0 {
		b.WriteString("Indices that are there keep what they have. So that new ones are made:\n")
	}
	for _, name := range streams {
		fmt.Fprintf(b, "POST /%s/_rollover\n", url.PathEscape(name))
	}
	return nil
}

func (s session) put(ctx context.Context, f Finding) error {
	body, err := json.Marshal(f.Body)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("install %s %s", f.Kind, f.Name)
	response, err := s.ask(ctx, f.Kind, what, http.MethodPut, f.Path()+f.revision, body)
	if err == nil && response.Status == http.StatusNotFound {
		return s.refused(f.Kind, what, response)
	}
	return err
}

// streams are the data streams that there are already.
func (s session) streams(ctx context.Context, p *Planned) ([]string, error) {
	path := "/_resolve/index/" + url.PathEscape("logs-"+p.Options.DatasetPrefix) + ".*"
	response, err := s.ask(ctx, "", "list data streams", http.MethodGet, path, nil)
	if err != nil || response.Status == http.StatusNotFound {
		return nil, err
	}
	var a struct {
		Streams []struct{ Name string } `json:"data_streams"`
	}
	if err := json.Unmarshal(response.Body, &a); err != nil {
		return nil, fmt.Errorf("list data streams: %w", err)
	}
	var names []string
	for _, stream := range a.Streams {
		names = append(names, stream.Name)
	}
	return names, nil
}
