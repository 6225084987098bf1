// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// option is one letter with its argument, or a long option.
type option struct{ name, value string }

const withArgument = "CefrbaAdSFmRwWkpq"

// parseOptions reads words as getopt does.
func parseOptions(words []string) ([]option, error) {
	var options []option
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		if name, ok := strings.CutPrefix(word, "--"); ok && name != "" {
			name, value, given := strings.Cut(name, "=")
			if name == "backlog_wait_time" && !given {
				if len(words) == 0 {
					return nil, fmt.Errorf("option %s lacks its argument", word)
				}
				value, words = words[0], words[1:]
			}
			options = append(options, option{"--" + name, value})
			continue
		}
		if len(word) < 2 || word[0] != '-' {
			return nil, fmt.Errorf("%q belongs to no option", word)
		}
		for word = word[1:]; word != ""; {
			o := option{name: word[:1]}
			word = word[1:]
			if strings.Contains(withArgument, o.name) {
				if word == "" {
					if len(words) == 0 {
						return nil, fmt.Errorf("option -%s lacks its argument", o.name)
					}
					word, words = words[0], words[1:]
				}
				o.value, word = word, ""
			}
			options = append(options, o)
		}
	}
	return options, nil
}

// control checks a line that is about the state of the kernel's audit; the
// reason says why it is not done. Both are empty if it is about a rule.
func control(options []option) (reason string, err error) {
	first := options[0]
	name := "-" + strings.TrimPrefix(first.name, "--")
	if strings.HasPrefix(first.name, "--") {
		name = first.name
	}
	switch first.name {
	case "D":
		if len(options) == 2 && options[1].name == "k" {
			options = options[:1]
		}
		reason = "ignored: the sensor deletes no rules but its own"
	case "e":
		if first.value != "0" && first.value != "1" && first.value != "2" {
			return "", errors.New("-e takes 0, 1 or 2")
		}
		reason = "ignored: the sensor neither locks nor switches off audit"
	case "f":
		if first.value != "0" && first.value != "1" && first.value != "2" {
			return "", errors.New("-f takes 0, 1 or 2")
		}
		reason = "ignored: what the kernel does about a failure is not the sensor's to say"
	case "b", "r", "--backlog_wait_time":
		if _, err := strconv.ParseUint(first.value, 0, 32); err != nil {
			return "", fmt.Errorf("%s takes a number", name)
		}
		reason = "ignored: the sensor chooses its own limits"
	case "q", "t", "--loginuid-immutable", "--reset-lost", "--reset_backlog_wait_time_actual":
		reason = "ignored: it would change audit for all"
	case "a", "A", "d", "w", "W", "S", "F", "C", "k", "p":
		return "", nil
	default:
		return "", fmt.Errorf("option %s has no place in a file of rules", name)
	}
	if len(options) > 1 {
		return "", fmt.Errorf("option %s stands alone in its line", name)
	}
	return reason, nil
}
