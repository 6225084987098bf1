// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
)

// compiler makes a record of one line.
type compiler struct {
	machine machine
	record  record
	remove  bool
	remarks []string

	watch     bool
	arch      string // empty: not given
	calls     bool   // -S was given
	ambiguous []string
	keys      []string
}

// compile takes options in any order but that an architecture comes before the system calls that it names.
func (c *compiler) compile(options []option) error {
	if err := c.place(options); err != nil {
		return err
	}
	for _, o := range options {
		if err := c.option(o); err != nil {
			return err
		}
	}
	return c.finish()
}

// place finds which list the rule is for, or what is watched.
func (c *compiler) place(options []option) error {
	found := 0
	for _, o := range options {
		switch o.name {
		case "a", "A", "d":
			found++
			if err := c.setList(o.value); err != nil {
				return err
			}
			c.record.prepend, c.remove = o.name == "A", o.name == "d"
		case "w", "W":
			found++
			c.watch, c.remove = true, o.name == "W"
			if err := c.setWatch(o.value); err != nil {
				return err
			}
		}
	}
	switch found {
	case 0:
		return errors.New("no list (-a, -A, -d) or path (-w, -W)")
	case 1:
		return nil
	}
	return errors.New("more than one rule")
}

var lists = map[string]uint32{
	"user": listUser, "task": listTask, "exit": listExit, "exclude": listExclude, "filesystem": listFilesystem,
	"io_uring": listURing,
}

func listName(list uint32) string {
	for name, number := range lists {
		if number == list {
			return name
		}
	}
	return strconv.FormatUint(uint64(list), 10)
}

func (c *compiler) setList(value string) error {
	list, action, _ := strings.Cut(value, ",")
	if _, ok := lists[list]; !ok {
		list, action = action, list
	}
	number, ok := lists[list]
	if !ok || action != "always" && action != "never" {
		return errors.New("rules are for always or never and a list of user, task, exit, exclude, filesystem and io_uring")
	}
	c.record.list = number
	if action == "always" {
		c.record.action = actionAlways
	}
	return nil
}

func (c *compiler) setWatch(name string) error {
	switch {
	case name[0] != '/':
		return errors.New("not an absolute path")
	case len(name) >= maxPath || len(path.Base(name)) > 255:
		return errors.New("path is too long")
	}
	if strings.Contains(name, "..") || strings.ContainsAny(name, "*?") {
		c.remarks = append(c.remarks, "path is taken as it is: patterns and .. have no meaning")
	}
	if trimmed := strings.TrimRight(name, "/"); trimmed != "" {
		name = trimmed
	}
	id := uint32(fieldPath)
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		id = fieldDir
	}
	c.record.list, c.record.action = listExit, actionAlways
	c.record.addAll()
	c.record.fields = []field{{id: id, op: opEqual, text: name}, {id: fieldPerm, op: opEqual, value: 15}}
	return nil
}

func (c *compiler) option(o option) error {
	switch o.name {
	case "a", "A", "d", "w", "W":
		return nil
	case "S":
		return c.setCalls(o.value)
	case "F":
		if key, ok := strings.CutPrefix(o.value, "key="); ok {
			return c.setKey(key)
		}
		f, err := c.machine.condition(c.record.list, o.value)
		if err != nil {
			return err
		}
		if f.id == fieldArch {
			if c.calls {
				return errors.New("arch belongs before -S")
			}
			_, value, _ := strings.Cut(o.value, "=")
			c.arch, _, _ = c.machine.arch(value)
		}
		c.record.fields = append(c.record.fields, f)
	case "C":
		f, err := comparison(c.record.list, o.value)
		if err != nil {
			return err
		}
		c.record.fields = append(c.record.fields, f)
	case "p":
		return c.setPermissions(o.value)
	case "k":
		return c.setKey(o.value)
	default:
		return fmt.Errorf("option -%s does not belong to a rule", strings.TrimPrefix(o.name, "--"))
	}
	return nil
}

func (c *compiler) setKey(key string) error {
	switch {
	case key == "":
		return errors.New("key is empty")
	case strings.ContainsAny(key, keySeparator+"\x00"):
		return errors.New("key has a character that it cannot have")
	case !c.record.keyed():
		return fmt.Errorf("the list %s takes no keys", listName(c.record.list))
	}
	c.keys = append(c.keys, key)
	return nil
}

func (c *compiler) setPermissions(value string) error {
	bits, err := permissions(value)
	if err != nil {
		return err
	}
	if c.record.list != listExit {
		return errors.New("permissions are for the list exit alone")
	}
	for i := range c.record.fields {
		if c.record.fields[i].id == fieldPerm {
			c.record.fields[i].value = bits
			return nil
		}
	}
	c.record.fields = append(c.record.fields, field{id: fieldPerm, op: opEqual, value: bits})
	return nil
}

func (c *compiler) setCalls(value string) error {
	if c.watch {
		return errors.New("a watch is for all system calls")
	}
	if c.record.list != listExit && c.record.list != listURing {
		return fmt.Errorf("the list %s takes no system calls", listName(c.record.list))
	}
	c.calls = true
	for name := range strings.SplitSeq(value, ",") {
		switch {
		case name == "":
		case name == "all":
			c.record.addAll()
		default:
			number, err := c.call(name)
			if err != nil {
				return err
			}
			c.record.add(number)
		}
	}
	return nil
}

func (c *compiler) call(name string) (uint32, error) {
	arch := c.arch
	if arch == "" {
		arch = c.machine.native
	}
	known, ok := call(arch, name)
	if c.record.list == listURing {
		arch = "io_uring"
		known, ok = operations[name]
	}
	switch {
	case ok:
		if c.arch == "" && c.record.list == listExit {
			if other, ok := call(c.machine.compat, name); !ok || other != known {
				c.ambiguous = append(c.ambiguous, name)
			}
		}
		return known, nil
	case digit(name):
		n, err := strconv.ParseUint(name, 0, 32)
		if err != nil || n >= maxNumber {
			return 0, fmt.Errorf("system calls end at %d: %q", maxNumber-1, name)
		}
		return uint32(n), nil
	}
	return 0, fmt.Errorf("%s has no system call %q", arch, name)
}

// finish checks what the kernel would refuse without a reason.
func (c *compiler) finish() error {
	r := &c.record
	if !c.calls && r.list != listTask {
		r.addAll()
	}
	if c.calls && r.mask == [maskWords]uint32{} {
		return errors.New("no system call is named")
	}
	if len(c.ambiguous) > 0 {
		c.remarks = append(c.remarks, fmt.Sprintf("without arch, %s is also whatever has its number on %s",
			strings.Join(c.ambiguous, ","), c.machine.compat))
	}
	objects, programs := 0, 0
	for _, f := range r.fields {
		switch f.id {
		case fieldPath, fieldDir, fieldInode:
			objects++
		case fieldExe:
			programs++
		}
		if (f.id == fieldPath || f.id == fieldExe) && strings.HasSuffix(f.text, "/") {
			return fmt.Errorf("path %q ends with a slash, which only dir= takes", f.text)
		}
	}
	switch {
	case objects > 1:
		return errors.New("more than one of path, dir and inode")
	case programs > 1:
		return errors.New("more than one exe")
	case r.list == listExclude && len(r.fields) == 0:
		return errors.New("would exclude every record")
	}
	if len(c.keys) > 0 {
		var err error
		if c.record, err = c.record.withKey(strings.Join(c.keys, keySeparator)); err != nil {
			return err
		}
	}
	if len(c.record.fields) > maxFields {
		return fmt.Errorf("more than %d fields", maxFields)
	}
	return nil
}
