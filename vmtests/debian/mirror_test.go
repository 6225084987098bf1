// SPDX-License-Identifier: Apache-2.0

package debian

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFindMirror(t *testing.T) {
	const debianRelease = "ID=debian\nVERSION_CODENAME=\"bookworm\"\n"
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  Mirror // zero: an error
	}{
		{
			"deb822, not the first source",
			map[string]string{
				"etc/os-release": debianRelease,
				"etc/apt/sources.list.d/all.sources": "Types: deb\nURIs: http://security.example\nSuites: bookworm-security\nComponents: main\n\n" +
					"# comment\nTypes: deb deb-src\n# comment\nURIs: http://main.example/debian\nSuites: bookworm\n bookworm-updates\n" +
					"Components: contrib main\nSigned-By: /usr/share/keyrings/debian.gpg\n",
				"etc/apt/sources.list.d/other.list": "deb https://other.example/apt bookworm-other main\n",
			},
			Mirror{"http://main.example/debian", "/usr/share/keyrings/debian.gpg"},
		},
		{
			"one line with options",
			map[string]string{
				"etc/os-release":       debianRelease,
				"etc/apt/sources.list": "# deb http://old.example bookworm main\ndeb-src http://src.example bookworm main\ndeb [ arch=amd64 signed-by=/k.gpg ] http://one.example bookworm main\n",
			},
			Mirror{"http://one.example", "/k.gpg"},
		},
		{
			"one line, release by its role",
			map[string]string{
				"etc/os-release":       debianRelease,
				"etc/apt/sources.list": "deb http://one.example stable main\n",
			},
			Mirror{"http://one.example", ""},
		},
		{
			"disabled",
			map[string]string{
				"etc/os-release":                     debianRelease,
				"etc/apt/sources.list.d/all.sources": "Enabled: no\nTypes: deb\nURIs: http://main.example\nSuites: bookworm\nComponents: main\n",
			},
			Mirror{},
		},
		{
			"not Debian",
			map[string]string{
				"etc/os-release":       "ID=ubuntu\nVERSION_CODENAME=noble\n",
				"etc/apt/sources.list": "deb http://one.example noble main\n",
			},
			Mirror{},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			for name, text := range tt.files {
				path := filepath.Join(root, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := FindMirror(root)
			if got != tt.want || (err != nil) != (tt.want == Mirror{}) {
				t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}
