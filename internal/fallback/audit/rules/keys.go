// SPDX-License-Identifier: Apache-2.0

package rules

// KeysOf are the keys of a rule that the kernel listed, in order.
func KeysOf(listed []byte) []string {
	r, err := read(listed)
	if err != nil {
		return nil
	}
	return r.keys()
}
