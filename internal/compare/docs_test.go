// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"os"
	"slices"
	"strings"
	"testing"

	"sensor/internal/events"
)

// docs/compare.md lists the rules as they are, and what is not compared.
func TestDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/compare.md")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{}
	for _, r := range Rules() {
		want["## Rules for events"] = append(want["## Rules for events"], row(code(r.Name), orAny(r.Teller), orAny(r.Silent), kinds(r.Kinds), r.Reason))
	}
	for _, r := range FieldRules() {
		want["## Rules for fields"] = append(want["## Rules for fields"], row(code(r.Name), r.Source, code(r.Fields...), kinds(r.Kinds), r.Reason))
	}
	for _, u := range UncomparedFields() {
		want["## What is not compared"] = append(want["## What is not compared"], row(code(u.Fields...), u.Reason))
	}
	for title, rows := range want {
		_, section, _ := strings.Cut(string(page), title+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		var got []string
		for line := range strings.Lines(section) {
			if strings.HasPrefix(line, "| `") {
				got = append(got, strings.TrimSpace(line))
			}
		}
		if !slices.Equal(got, rows) {
			t.Errorf("%s has\n%s\nwant\n%s", title, strings.Join(got, "\n"), strings.Join(rows, "\n"))
		}
	}
}

func row(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |" }

func code(names ...string) string { return "`" + strings.Join(names, "`, `") + "`" }

func orAny(source string) string {
	if source == "" {
		return "any"
	}
	return source
}

func kinds(list []events.Kind) string {
	if len(list) == 0 {
		return "all"
	}
	names := make([]string, len(list))
	for i, k := range list {
		names[i] = k.String()
	}
	return strings.Join(names, ", ")
}

// No two rules share a name, and each has a reason.
func TestRuleNames(t *testing.T) {
	seen := map[string]bool{}
	check := func(name, reason string) {
		if name == "" || reason == "" || seen[name] {
			t.Errorf("rule %q with the reason %q", name, reason)
		}
		seen[name] = true
	}
	for _, r := range Rules() {
		check(r.Name, r.Reason)
	}
	for _, r := range FieldRules() {
		check(r.Name, r.Reason)
	}
}
