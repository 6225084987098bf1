// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
)

// forThisHost refuses requests for another host than this one. A web page whose
// name was made to lead here (DNS rebinding) could read the answer otherwise.
// Who gives no host is no browser.
func forThisHost(next http.Handler) http.Handler {
	own, _ := os.Hostname() // without it, there are two other ways to ask
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, err := net.SplitHostPort(r.Host)
		if err != nil { // no port
			name = strings.Trim(r.Host, "[]")
		}
		_, err = netip.ParseAddr(name)
		if err != nil && name != "" && !strings.EqualFold(name, "localhost") && !strings.EqualFold(name, own) {
			http.Error(w, "ask by address, or as localhost", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
