// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// product is one engine in one version: where it comes from, and how it runs.
type product struct {
	name      string
	version   string
	revision  int // of what lay makes
	artifacts []artifact
	lay       func(lib, home string) error                      // makes the engine's home of its artifacts
	java      [2]int                                            // oldest and newest major version that it runs on
	config    func(dir string) map[string]string                // files of its configuration beside those of all engines
	settings  string                                            // YAML beside the settings of all engines
	command   func(java, home, dir string) (args, env []string) // after the name of the java program
}

// smallJVM: the first compiler alone halves the time of a start, and collectors with threads of their own find no cores here.
var smallJVM = []string{"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"}

var heap = append([]string{"-Xms512m", "-Xmx512m"}, smallJVM...)

const logging = `status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
`

// writeConfig makes the directories of a node in dir.
func (p product) writeConfig(dir string, port int) error {
	files := p.config(dir)
	files["log4j2.properties"] = logging
	files[p.name+".yml"] = strings.Join([]string{
		"cluster.name: enginetest",
		"node.name: node",
		"path.data: " + filepath.Join(dir, "data"),
		"path.logs: " + filepath.Join(dir, "logs"),
		"http.host: 127.0.0.1",
		fmt.Sprintf("http.port: %d", port),
		"transport.host: 127.0.0.1",
		"transport.port: 0",
		"discovery.type: single-node",
		"cluster.routing.allocation.disk.threshold_enabled: false",
		p.settings,
	}, "\n")
	for _, sub := range []string{"config", "data", "logs", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return fmt.Errorf("configure %s: %w", p.name, err)
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, "config", name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("configure %s: %w", p.name, err)
		}
	}
	return nil
}
