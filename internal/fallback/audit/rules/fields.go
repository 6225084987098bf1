// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"strings"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// Fields that this package itself reads or makes.
const (
	fieldPID       = 0
	fieldAUID      = 9
	fieldArch      = 11
	fieldMsgType   = 12
	fieldPath      = 105
	fieldPerm      = 106
	fieldDir       = 107
	fieldCompare   = 111
	fieldExe       = 112
	fieldInode     = 102
	fieldSuccess   = 104
	fieldFSType    = 26
	fieldSaddrFam  = 113
	fieldArgument0 = 200
	fieldArgument3 = 203
	fieldKey       = 210
)

// kindOf says how the value of a field is written.
type kindOf uint8

const (
	number kindOf = iota
	signed        // with a minus sign, too
	userID
	groupID
	errno
	message
	arch
	text
	absolute // a text that is an absolute path
	permission
	fileType
	fsType
	session
	family
)

// operators that a field takes.
type operators uint8

const (
	equal    operators = iota // = alone
	equality                  // and !=
	ordered                   // and < > <= >=
	anyOp                     // and & &=
)

// Lists that a field has a meaning in, as a mask.
const (
	acts     = 1<<listExit | 1<<listURing
	general  = acts | 1<<listTask | 1<<listUser
	subjects = general | 1<<listExclude
)

type fieldTraits struct {
	id    uint32
	kind  kindOf
	ops   operators
	lists uint
}

// fieldsByName has every field of the kernel but those that it makes itself; what each takes is what auditctl and the
// kernel (audit_field_valid) agree on.
var fieldsByName = map[string]fieldTraits{
	"pid": {fieldPID, number, ordered, subjects},
	"uid": {1, userID, ordered, subjects}, "euid": {2, userID, ordered, general},
	"suid": {3, userID, ordered, general}, "fsuid": {4, userID, ordered, general},
	"gid": {5, groupID, ordered, subjects}, "egid": {6, groupID, ordered, general},
	"sgid": {7, groupID, ordered, general}, "fsgid": {8, groupID, ordered, general},
	"auid":      {fieldAUID, userID, ordered, subjects},
	"pers":      {10, number, anyOp, general},
	"arch":      {fieldArch, arch, equality, general},
	"msgtype":   {fieldMsgType, message, ordered, 1<<listUser | 1<<listExclude},
	"subj_user": {13, text, equality, subjects}, "subj_role": {14, text, equality, subjects},
	"subj_type": {15, text, equality, subjects},
	"subj_sen":  {16, text, ordered, subjects}, "subj_clr": {17, text, ordered, subjects},
	"ppid":     {18, number, ordered, acts},
	"obj_user": {19, text, equality, acts}, "obj_role": {20, text, equality, acts}, "obj_type": {21, text, equality, acts},
	"obj_lev_low": {22, text, ordered, acts}, "obj_lev_high": {23, text, ordered, acts},
	"sessionid": {25, session, ordered, acts | 1<<listUser},
	"fstype":    {fieldFSType, fsType, equality, 1 << listFilesystem},
	"devmajor":  {100, number, ordered, acts}, "devminor": {101, number, anyOp, acts},
	"inode":   {fieldInode, number, equality, acts},
	"exit":    {103, errno, ordered, acts},
	"success": {fieldSuccess, number, ordered, acts},
	"path":    {fieldPath, absolute, equal, acts}, "dir": {fieldDir, absolute, equal, acts},
	"perm":     {fieldPerm, permission, equal, 1 << listExit},
	"filetype": {108, fileType, equality, acts},
	"obj_uid":  {109, userID, ordered, general}, "obj_gid": {110, groupID, ordered, general},
	"exe":       {fieldExe, absolute, equality, subjects},
	"saddr_fam": {fieldSaddrFam, family, ordered, general},
	"a0":        {fieldArgument0, signed, anyOp, general}, "a1": {201, signed, anyOp, general},
	"a2": {202, signed, anyOp, general}, "a3": {fieldArgument3, signed, anyOp, general},
}

// texted says that the field's value is a text.
func texted(id uint32) bool {
	switch id {
	case 13, 14, 15, 16, 17, 19, 20, 21, 22, 23, fieldPath, fieldDir, fieldExe, fieldKey:
		return true
	}
	return false
}

// signs, the longer before those that they begin with: auditctl looks for them in this order.
var signs = []struct {
	text  string
	op    uint32
	needs operators
}{
	{"!=", opNotEqual, equality}, {">=", opGreaterEqual, ordered}, {"<=", opLessEqual, ordered}, {"&=", opBitTest, anyOp},
	{"=", opEqual, equal}, {">", opGreater, ordered}, {"<", opLess, ordered}, {"&", opBitMask, anyOp},
}

// condition compiles the argument of -F.
func (m machine) condition(list uint32, pair string) (field, error) {
	for _, sign := range signs {
		name, value, ok := strings.Cut(pair, sign.text)
		if !ok {
			continue
		}
		traits, ok := fieldsByName[name]
		switch {
		case !ok:
			return field{}, fmt.Errorf("field %q is not known", name)
		case traits.lists&(1<<list) == 0:
			return field{}, fmt.Errorf("field %s has no meaning in the list %s", name, listName(list))
		case traits.ops < sign.needs:
			return field{}, fmt.Errorf("field %s does not take the operator %s", name, sign.text)
		case value == "":
			return field{}, fmt.Errorf("field %s has no value", name)
		}
		f := field{id: traits.id, op: sign.op}
		var err error
		if texted(f.id) {
			f.text, err = value, checkText(traits.kind, value)
		} else {
			f.value, err = m.value(traits.kind, value)
		}
		if err != nil {
			return field{}, fmt.Errorf("value %q of %s: %w", value, name, err)
		}
		if traits.kind == userID || traits.kind == groupID {
			// The kernel knows an unset login, and that alone, and calls it another field, which has no order.
			if unset := f.value == 1<<32-1; unset && (f.id != fieldAUID || sign.needs > equality) {
				return field{}, fmt.Errorf("field %s: only auid can be unset, with = and !=", name)
			}
		}
		return f, nil
	}
	return field{}, fmt.Errorf("field %q has no operator", pair)
}

func checkText(kind kindOf, value string) error {
	switch {
	case len(value) > maxPath:
		return fmt.Errorf("longer than %d bytes", maxPath)
	case strings.ContainsRune(value, 0):
		return errors.New("contains a zero byte")
	case kind == absolute && value[0] != '/':
		return errors.New("not an absolute path")
	}
	return nil
}

var (
	fileTypes = map[string]uint32{
		"fifo": 0x1000, "character": 0x2000, "dir": 0x4000, "block": 0x6000, "file": 0x8000, "link": 0xa000, "socket": 0xc000,
	}
	fileSystems = map[string]uint32{"tracefs": 0x74726163, "debugfs": 0x64626720, "cgroup": 0x27e0eb, "cgroup2": 0x63677270}
)

// families is AF_MAX of the kernel 5.15 and later.
const families = 46

var errNumber = errors.New("not a number of 32 bits")

func (m machine) value(kind kindOf, value string) (uint32, error) {
	var known uint32
	ok := false
	switch kind {
	case arch:
		_, id, err := m.arch(value)
		return id, err
	case permission:
		return permissions(value)
	case fileType:
		if known, ok = fileTypes[value]; !ok {
			return 0, errors.New("file type is not known")
		}
		return known, nil
	case fsType:
		known, ok = fileSystems[value]
	case session:
		known, ok = 1<<32-1, value == "unset"
	case userID:
		known, ok = 1<<32-1, value == "unset"
	case errno:
		if n, found := auparse.AuditErrnoToNum[strings.TrimPrefix(value, "-")]; found {
			known, ok = uint32(n), true
			if value[0] == '-' {
				known = -known
			}
		}
	case message:
		if t, err := auparse.GetAuditMessageType(value); err == nil && !digit(value) {
			known, ok = uint32(t), true
		}
	}
	if ok {
		return known, nil
	}
	negative := kind == signed || kind == errno || kind == session || kind == userID
	if digit(value) {
		n, err := strconv.ParseUint(value, 0, 32)
		if err != nil || strings.Contains(value, "_") {
			return 0, errNumber
		}
		if kind == family && n >= families {
			return 0, fmt.Errorf("address families end at %d", families-1)
		}
		return uint32(n), nil
	}
	if negative && value[0] == '-' && digit(value[1:]) {
		n, err := strconv.ParseInt(value, 0, 32)
		if err != nil || strings.Contains(value, "_") {
			return 0, errNumber
		}
		return uint32(n), nil
	}
	switch kind {
	case userID:
		u, err := user.Lookup(value)
		if err != nil {
			return 0, errors.New("there is no such user")
		}
		return m.value(number, u.Uid)
	case groupID:
		g, err := user.LookupGroup(value)
		if err != nil {
			return 0, errors.New("there is no such group")
		}
		return m.value(number, g.Gid)
	case errno:
		return 0, errors.New("error is not known")
	case message:
		return 0, errors.New("record type is not known")
	case fsType:
		return 0, errors.New("file system is not known")
	}
	return 0, errNumber
}

func digit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

// permissions compiles the argument of -p, which is the value of perm, too.
func permissions(value string) (uint32, error) {
	var bits uint32
	for _, c := range strings.ToLower(value) {
		i := strings.IndexRune("xwra", c)
		if i < 0 {
			return 0, errors.New("permissions are of r, w, x and a")
		}
		bits |= 1 << i
	}
	if len(value) > 4 {
		return 0, errors.New("more than four permissions")
	}
	return bits, nil
}

// comparisons that the kernel can make between two fields, in the order of its AUDIT_COMPARE_ numbers, from 1.
var comparisons = [][2]string{
	{"uid", "obj_uid"}, {"gid", "obj_gid"}, {"euid", "obj_uid"}, {"egid", "obj_gid"}, {"auid", "obj_uid"},
	{"suid", "obj_uid"}, {"sgid", "obj_gid"}, {"fsuid", "obj_uid"}, {"fsgid", "obj_gid"}, {"uid", "auid"},
	{"uid", "euid"}, {"uid", "fsuid"}, {"uid", "suid"}, {"auid", "fsuid"}, {"auid", "suid"}, {"auid", "euid"},
	{"euid", "suid"}, {"euid", "fsuid"}, {"suid", "fsuid"}, {"gid", "egid"}, {"gid", "fsgid"}, {"gid", "sgid"},
	{"egid", "fsgid"}, {"egid", "sgid"}, {"sgid", "fsgid"},
}

// comparison compiles the argument of -C.
func comparison(list uint32, pair string) (field, error) {
	if list != listExit {
		return field{}, errors.New("fields can be compared in the list exit alone")
	}
	for _, sign := range signs {
		left, right, ok := strings.Cut(pair, sign.text)
		if !ok || sign.needs > equality {
			continue
		}
		for i, c := range comparisons {
			if c == [2]string{left, right} || c == [2]string{right, left} {
				return field{id: fieldCompare, op: sign.op, value: uint32(i + 1)}, nil
			}
		}
		return field{}, fmt.Errorf("%q and %q cannot be compared", left, right)
	}
	return field{}, fmt.Errorf("comparison %q has no = or !=", pair)
}
