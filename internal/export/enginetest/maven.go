// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// artifact is what Maven fetches.
type artifact struct{ Group, ID, Version, Type string }

func (a artifact) file() string { return a.ID + "-" + a.Version + "." + a.Type }

const (
	copyGoal   = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
	fetchTries = 4
	fetchLimit = 20 * time.Minute // of one try; the largest artifact has 900 MB
)

// fetch copies artifacts, and nothing that they depend on, into dir/lib. All else that Maven makes is in dir too. A try that
// failed goes on where the one before has ended.
func fetch(artifacts []artifact, dir string) (lib string, err error) {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return "", fmt.Errorf("fetch from Maven: %w", err)
	}
	pom, err := pomOf(artifacts)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "pom.xml"), pom, 0o644); err != nil {
		return "", fmt.Errorf("fetch from Maven: %w", err)
	}
	for try := range fetchTries {
		time.Sleep(time.Duration(try) * 5 * time.Second) // the registry's bad moments
		var out []byte
		if out, err = copyArtifacts(mvn, dir); err == nil {
			return filepath.Join(dir, "lib"), nil
		}
		err = fmt.Errorf("fetch from Maven: %w: %s", err, firstErrors(out))
	}
	return "", err
}

func copyArtifacts(mvn, dir string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchLimit)
	defer cancel()
	// Strict checksums: a damaged or half file is an error. -U asks again for what an earlier try did not find.
	cmd := exec.CommandContext(ctx, mvn, "-B", "-q", "-U", "-C", "-Dmaven.repo.local="+filepath.Join(dir, "repository"), copyGoal, "-DoutputDirectory=lib")
	cmd.Dir = dir
	return cmd.CombinedOutput()
}

// firstErrors is what says why in Maven's output.
func firstErrors(out []byte) string {
	var list []string
	for line := range strings.Lines(string(out)) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "[ERROR] "); ok && text != "" && len(list) < 3 {
			list = append(list, text)
		}
	}
	return strings.Join(list, "; ")
}

// pomOf is a project that depends on the artifacts.
func pomOf(artifacts []artifact) ([]byte, error) {
	type name struct {
		Group string `xml:"groupId"`
		ID    string `xml:"artifactId"`
	}
	type dependency struct {
		name
		Version   string `xml:"version"`
		Type      string `xml:"type"`
		Exclusion name   `xml:"exclusions>exclusion"`
	}
	project := struct {
		XMLName xml.Name `xml:"http://maven.apache.org/POM/4.0.0 project"`
		Model   string   `xml:"modelVersion"`
		name
		Version      string       `xml:"version"`
		Packaging    string       `xml:"packaging"`
		Dependencies []dependency `xml:"dependencies>dependency"`
	}{Model: "4.0.0", name: name{"enginetest", "enginetest"}, Version: "1", Packaging: "pom"}
	for _, a := range artifacts {
		project.Dependencies = append(project.Dependencies, dependency{name{a.Group, a.ID}, a.Version, a.Type, name{"*", "*"}})
	}
	var b bytes.Buffer
	if err := xml.NewEncoder(&b).Encode(project); err != nil {
		return nil, fmt.Errorf("write project for Maven: %w", err)
	}
	return b.Bytes(), nil
}

// unzip writes the files below a directory of an archive into dir.
func unzip(archive, below, dir string) error {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", filepath.Base(archive), err)
	}
	defer z.Close()
	n := 0
	for _, f := range z.File {
		name, ok := strings.CutPrefix(f.Name, below)
		if !ok || name == "" || strings.HasSuffix(name, "/") {
			continue
		}
		if !filepath.IsLocal(name) {
			return fmt.Errorf("unpack %s: bad name %q", filepath.Base(archive), f.Name)
		}
		if err := unzipFile(f, filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("unpack %s: %w", filepath.Base(archive), err)
		}
		n++
	}
	if n == 0 {
		return fmt.Errorf("unpack %s: nothing below %s", filepath.Base(archive), below)
	}
	return nil
}

func unzipFile(f *zip.File, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r) // checks the sum that the archive has
	return errors.Join(err, w.Close())
}
