package config
import ("testing";"fmt";"math/rand";"strings";"time";"os";"strconv")
func TestSearch(t *testing.T){
 secs,_ := strconv.Atoi(os.Getenv("SECS")); if secs==0 {t.Skip()}
 s := Schema{Kinds: []KindDefault{{"exec",true,false}}, Sources: []string{"ebpf"}}
 alpha := []string{"\n", " ", "  ", "\n  ", "a", "b:", ": ", "- ", "[", "]", "{", "}", ", ", "|", ">", "\"", "'", "#", " #", "!", "!!str ", "&", "*", "?", "? ", "%", "@", "`", "\\", "\t", "\r\n", "---", "...", "-", "+", "1", "<<: ", "~", "é", "\\x", "null", "|-\n", "|+\n", ">-\n", "a: x\n", "- x\n", "\n\n\n", "\n \n", "{a: ", "#\n"}
 r := rand.New(rand.NewSource(time.Now().UnixNano()))
 pick := func(k int) string { x := ""; for i := 0; i < k; i++ { x += alpha[r.Intn(len(alpha))] }; return x }
 end := time.Now().Add(time.Duration(secs)*time.Second); n:=0
 for time.Now().Before(end) {
  pre, unit, suf := pick(r.Intn(5)), pick(1+r.Intn(5)), pick(r.Intn(3))
  // the largest that the limits allow: break lines
  line := ""
  for len(line)+len(unit) < 4000 && r.Intn(2000)!=0 { line += unit }
  line += "\n"
  if r.Intn(2)==0 { line = unit }
  sz := 1<<20; if r.Intn(3)==0 { sz = 60000 }
  if r.Intn(3)==0 { sz = 20000 }
  in := pre + strings.Repeat(line, (sz-100)/len(line)) + suf
  t0 := time.Now()
  s.Parse("x", []byte(in))
  n++
  if d := time.Since(t0); d > 500*time.Millisecond { fmt.Printf("%v %q %q x%d size %d %q\n", d.Round(time.Millisecond), pre, unit, len(line)/len(unit), sz, suf) }
 }
 fmt.Println(n)
}
