// SPDX-License-Identifier: Apache-2.0

package host

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"sensor/internal/enrich/rootfs"
)

// maxRelease is far more than any os-release has.
const maxRelease = 64 << 10

// readOS reads os-release(5) below root.
func readOS(root string) (OS, error) {
	text, err := rootfs.Read(root, "etc/os-release", maxRelease)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = rootfs.Read(root, "usr/lib/os-release", maxRelease)
	}
	if err != nil {
		return OS{Type: "linux"}, fmt.Errorf("read operating system: %w", err)
	}
	return osOf(parseRelease(string(text))), nil
}

func osOf(release map[string]string) OS {
	o := OS{
		Type:     "linux",
		Name:     cmp.Or(release["NAME"], "Linux"),
		Platform: cmp.Or(release["ID"], "linux"),
		Version:  cmp.Or(release["VERSION_ID"], release["BUILD_ID"]),
	}
	o.Full = o.Name
	if o.Version != "" {
		o.Full += " " + o.Version
	}
	o.Family = familyOf(o.Platform)
	for _, id := range strings.Fields(release["ID_LIKE"]) {
		o.Family = cmp.Or(o.Family, familyOf(id))
	}
	return o
}

// familyOf is host.os.family as Beats have it; "" if there is none.
func familyOf(id string) string {
	id, _, _ = strings.Cut(strings.ToLower(id), "-") // opensuse-leap
	switch id {
	case "alpine":
		return "alpine"
	case "arch", "antergos", "manjaro":
		return "arch"
	case "debian", "ubuntu", "raspbian", "linuxmint":
		return "debian"
	case "redhat", "fedora", "centos", "scientific", "oraclelinux", "ol", "amzn", "rhel", "almalinux", "openeuler", "rocky":
		return "redhat"
	case "suse", "sles", "opensuse":
		return "suse"
	}
	return ""
}

// parseRelease reads lines of KEY=VALUE, quoted as a shell wants them. Of two
// lines for a key the last counts. Lines that say something else are skipped.
func parseRelease(text string) map[string]string {
	release := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		key, value, ok := strings.Cut(line, "=")
		if !ok || key == "" || strings.HasPrefix(key, "#") {
			continue
		}
		if value, ok = unquote(value); ok {
			release[key] = value
		}
	}
	return release
}

// unquote undoes a shell's quoting of one word. ok is false if it does not end.
func unquote(word string) (value string, ok bool) {
	if quoted, found := strings.CutPrefix(word, "'"); found {
		return strings.CutSuffix(quoted, "'")
	}
	quoted, double := strings.CutPrefix(word, `"`)
	var b strings.Builder
	for i := 0; i < len(quoted); i++ {
		switch c := quoted[i]; {
		case c == '"' && double:
			return b.String(), i == len(quoted)-1
		case c == '\\' && i+1 == len(quoted):
			return "", false
		case c == '\\' && (!double || strings.IndexByte("\"\\$`", quoted[i+1]) >= 0):
			i++
			b.WriteByte(quoted[i])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), !double
}
