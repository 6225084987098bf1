package config
import ("testing";"fmt")
func TestScratch(t *testing.T){
 s := Schema{Kinds: []KindDefault{{"exec",true,false},{"fork",true,false},{"exit",true,false},{"already_running",true,false},{"exec_failed",false,false}}, Sources: []string{"ebpf"}}
 for _, in := range []string{
 "", "# c\n", "---\n", "---\nkinds: {}\n", "---\n---\na: 1\n", "kinds: {}\n---\nkinds: {}\n", "kinds: {}\n...\n", "%YAML 1.2\n---\nkinds: {}\n",
 "knds: {}\n", "kinds:\n  exce: {}\n", "kinds:\n  zzz: {enabled: 1}\n", "kinds: {exec: {enabeld: true}}", "limits:\n  rings:\n    critical: 8MX\n    bulk: 3MiB\n  process_table: -1\n  queue: {events: 0, bytes: 99999999999GiB}\n",
 "kinds:\n  exec:\n    required: true\n    enabled: false\n", "kinds:\n  exec_failed:\n    required: true\n", "sources: []", "sources: [audti, ebpf, ebpf]", "sources: ebpf", "sources:\n - 1\n", "sources:", "kinds:\nsources: [ebpf]", "kinds: ~", "kinds: []",
 "- a\n", "text", "5", "kinds: &a {}\nhost: *a\n", "<<: {a: b}\n", "limits:\n  <<: {a: b}\n", "host: !!str x", "host:\n  !x id: y", "? a\n: b\n", "host: {id: |\n}", "host:\n  id: |\n    abc\n", "host: {id: 12}", "host: {id: true}", "host: {id: }", "host:\n  id: a\n   b\n\n   c\n", "host:\n  id: \"a\\0b\"\n",
 "host: {id: a", "host:\n\tid: a\n", "host: \"a", "a: b: c", "host: {id: a}\nhost: {id: b}\n", "shutdown: {grace: 5}", "shutdown: {grace: 5s}", "shutdown: {grace: -5s}", "output: {to: file:, format: xml}", "output: {to: \"file:/a b\", data_stream: {namespace: Foo, dataset_prefix: a-b}}", "privacy: {redact: off}", "privacy: {redact: no}",
 "kinds: {exec: {enabled: yes}}", "kinds: {exec: {enabled: \"true\"}}", "limits: {queue: {events: 0x10}}","limits: {queue: {events: 1.5}}","limits: {queue: {events: \"5\"}}","limits: {queue: {events: ten}}","limits: {queue: {events: []}}","limits: 5\n", "process: {env: [A=B, \"\", x, x]}", "process: {env: [[]]}", "process: {env: [*.x]}", "1: x", "\"a b\\n\": x", "kinds: {exec: }", "kinds: {exec}", "\xef\xbb\xbfkinds: {}", "host: {id: \"\xff\"}", "a\x01: b", "limits:\n    rings: {bulk: 8M}\n    rings2: {}\n\n# c\nout: x   # y\n", "host: {id: a}}", "]", "host: @x", "host:\n  name: a: b\n", "host: {name: 'it''s'}\n", ": x", "{}: x", "[a]: x",  "host: {\"id\": x, id : y}", "null: x", "~: x","limits: {rings: {critical: 010}}",
 }{
  _, _, f := s.parse([]byte(in))
  c, err := s.Parse("s.yaml", []byte(in))
  fmt.Printf("%q\n", in)
  if err == nil { fmt.Printf("   ok %+v\n", c) } else { fmt.Printf("   %v (%d)\n", err, len(f)) }
 }
}
