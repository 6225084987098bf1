// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPom(t *testing.T) {
	pom, err := pomOf([]artifact{{"g", "a", "1.2", "zip"}, {"h", "b", "3", "jar"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<project xmlns="http://maven.apache.org/POM/4.0.0">`,
		"<packaging>pom</packaging>",
		"<dependency><groupId>g</groupId><artifactId>a</artifactId><version>1.2</version><type>zip</type>" +
			"<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions></dependency>",
		"<dependency><groupId>h</groupId><artifactId>b</artifactId><version>3</version><type>jar</type>",
	} {
		if !strings.Contains(string(pom), want) {
			t.Errorf("no %s in %s", want, pom)
		}
	}
}

func archiveOf(t *testing.T, names ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	for _, name := range names {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			continue
		}
		if _, err := w.Write([]byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUnzip(t *testing.T) {
	dir := t.TempDir()
	if err := unzip(archiveOf(t, "top/a/", "top/a/b", "top/c", "other/d"), "top/", dir); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "a", "b")); err != nil || string(b) != "top/a/b" {
		t.Errorf("%s %v", b, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("%v %v", entries, err)
	}
	if err := unzip(archiveOf(t, "top/../../x"), "top/", t.TempDir()); err == nil {
		t.Error("a name leads out of the directory")
	}
	if err := unzip(archiveOf(t, "x"), "top/", t.TempDir()); err == nil {
		t.Error("an archive without the directory is fine")
	}
	whole, err := os.ReadFile(archiveOf(t, "top/c"))
	if err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(t.TempDir(), "half.zip")
	if err := os.WriteFile(half, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unzip(half, "top/", t.TempDir()); err == nil {
		t.Error("half an archive is fine")
	}
}

func TestFindJava(t *testing.T) {
	root := t.TempDir()
	for name, release := range map[string]string{
		"eight": `JAVA_VERSION="1.8.0_402"`, "seventeen": "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"17.0.15\"\n", "twentyone": `JAVA_VERSION="21"`, "none": "",
	} {
		if err := os.MkdirAll(filepath.Join(root, name, "bin"), 0o755); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string]string{"release": release, "bin/java": ""} {
			if err := os.WriteFile(filepath.Join(root, name, file), []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tc := range []struct {
		oldest, newest int
		want           string
	}{{8, 21, "eight"}, {11, 25, "seventeen"}, {18, 25, "twentyone"}, {22, 25, ""}, {9, 16, ""}} {
		got, err := findJava(root, tc.oldest, tc.newest)
		if (err != nil) != (tc.want == "") || tc.want != "" && filepath.Base(got) != tc.want {
			t.Errorf("%d to %d: %s, %v", tc.oldest, tc.newest, got, err)
		}
	}
}

func TestFirstErrors(t *testing.T) {
	out := "[INFO] x\n[ERROR] \n[ERROR] one\n[ERROR] two\nText\n[ERROR] three\n[ERROR] four\n"
	if got := firstErrors([]byte(out)); got != "one; two; three" {
		t.Error(got)
	}
}
