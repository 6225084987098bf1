// SPDX-License-Identifier: Apache-2.0

package acts

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
)

// lookup finds a dotted path. A member's own name may have dots.
func lookup(doc map[string]any, path string) (any, bool) {
	if v, ok := doc[path]; ok {
		return v, true
	}
	for i := range len(path) {
		if path[i] != '.' {
			continue
		}
		if inner, ok := doc[path[:i]].(map[string]any); ok {
			if v, ok := lookup(inner, path[i+1:]); ok {
				return v, true
			}
		}
	}
	return nil, false
}

func text(doc map[string]any, path string) string {
	v, _ := lookup(doc, path)
	s, _ := v.(string)
	return s
}

// integer is 0 where there is none.
func integer(doc map[string]any, path string) int {
	v, _ := lookup(doc, path)
	n, ok := number(v)
	if !ok || !n.IsInt() {
		return 0
	}
	return int(n.Num().Int64())
}

func number(v any) (*big.Rat, bool) {
	switch v := v.(type) {
	case json.Number:
		return new(big.Rat).SetString(v.String())
	case float64:
		r := new(big.Rat).SetFloat64(v)
		return r, r != nil
	case int:
		return new(big.Rat).SetInt64(int64(v)), true
	}
	return nil, false
}

// differences names every field of want that a document has not, in the order
// of the fields.
func differences(want, doc map[string]any) []string {
	var list []string
	for _, path := range slices.Sorted(maps.Keys(want)) {
		got, ok := lookup(doc, path)
		if why := differs(want[path], got, ok); why != "" {
			list = append(list, path+" "+why)
		}
	}
	return list
}

// differs says why a value is not the wanted one, or nothing.
func differs(want, got any, present bool) string {
	if want == nil {
		if !present || got == nil || got == false {
			return ""
		}
		return "is " + show(got) + ", expected none"
	}
	if !present {
		return "is missing, expected " + show(want)
	}
	if operation, ok := want.(map[string]any); ok {
		if end, ok := operation["$ends"].(string); ok {
			if s, ok := got.(string); ok && strings.HasSuffix(s, end) {
				return ""
			}
			return "is " + show(got) + ", expected to end with " + show(end)
		}
		if from, ok := operation["$from"].(string); ok {
			to, _ := operation["$to"].(string)
			return within(from, to, got)
		}
		if _, ok := operation["$same"]; ok { // see marks
			return ""
		}
		if least, ok := number(operation["$least"]); ok {
			if n, ok := number(got); ok && n.Cmp(least) >= 0 {
				return ""
			}
			return "is " + show(got) + ", expected at least " + show(operation["$least"])
		}
		if whole, ok := operation["$begins"].([]any); ok {
			return begins(whole, integer(operation, "$bytes"), got)
		}
	}
	if equal(want, got) {
		return ""
	}
	if w, ok := want.([]any); ok {
		if g, ok := got.([]any); ok {
			return differsAt(w, g)
		}
	}
	return "is " + show(got) + ", expected " + show(want)
}

// differsAt says where two lists that are not equal part.
func differsAt(want, got []any) string {
	i := 0
	for i < len(want) && i < len(got) && equal(want[i], got[i]) {
		i++
	}
	if len(want) <= 8 && len(got) <= 8 {
		return "is " + show(got) + ", expected " + show(want)
	}
	at := func(list []any) string {
		if i < len(list) {
			return show(list[i])
		}
		return "the end"
	}
	return fmt.Sprintf("has %d elements, expected %d; number %d is %s, expected %s", len(got), len(want), i, at(got), at(want))
}

func equal(want, got any) bool {
	if w, ok := number(want); ok {
		g, ok := number(got)
		return ok && w.Cmp(g) == 0
	}
	switch w := want.(type) {
	case []any:
		g, ok := got.([]any)
		return ok && slices.EqualFunc(w, g, equal)
	case map[string]any:
		g, ok := got.(map[string]any)
		return ok && len(differences(w, g)) == 0
	case string, bool:
		return got == want
	}
	return false
}

// within compares a time with two others.
func within(from, to string, got any) string {
	var times [3]time.Time
	s, _ := got.(string)
	for i, text := range []string{from, s, to} {
		var err error
		if times[i], err = time.Parse(time.RFC3339Nano, text); err != nil {
			return "is " + show(got) + ", expected a time from " + from + " to " + to
		}
	}
	if times[1].Before(times[0]) || times[1].After(times[2]) {
		return "is " + s + ", expected " + from + " to " + to
	}
	return ""
}

// begins compares a list that may have been cut with the whole one.
func begins(whole []any, least int, got any) string {
	list, ok := got.([]any)
	if !ok {
		return "is " + show(got) + ", expected a list"
	}
	bytes := 0
	for i, v := range list {
		s, ok := v.(string)
		if !ok {
			return fmt.Sprintf("has %s as element %d, expected a string", show(v), i)
		}
		if i >= len(whole) {
			return fmt.Sprintf("has %d elements, expected no more than %d", len(list), len(whole))
		}
		w, _ := whole[i].(string)
		if s != w && (i < len(list)-1 || !strings.HasPrefix(w, s)) {
			return fmt.Sprintf("has %s as element %d, expected %s", show(s), i, show(w))
		}
		bytes += len(s) + 1
	}
	if bytes < least {
		return fmt.Sprintf("holds %d bytes, expected at least %d", bytes, least)
	}
	return ""
}

func show(v any) string {
	const most = 300
	out, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if len(out) > most {
		return string(out[:most/2]) + " ... " + string(out[len(out)-most/2:]) + " (" + strconv.Itoa(len(out)) + " bytes)"
	}
	return string(out)
}
