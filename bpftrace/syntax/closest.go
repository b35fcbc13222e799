package syntax

// Closest returns the one of names that word is most likely a misspelling of,
// or "" when none is near: at most a third of the letters may differ. Ties go
// to a name with nothing wrong but letters left out (prinf is printf rather
// than print), then to the first. It serves the did-you-mean notes of every
// stage.
func Closest(word string, names []string) string {
	best, least := "", len(word)/3+1
	for _, name := range names {
		d := editDistance(word, name, least)
		if d < least || d == least && (best == "" || !leavesOut(best, word) && leavesOut(name, word)) {
			best, least = name, d
		}
	}
	if least > max(1, len(word)/3) || best == word {
		return ""
	}
	return best
}

// leavesOut reports whether word is name with letters left out.
func leavesOut(name, word string) bool {
	for i := 0; i < len(name) && word != ""; i++ {
		if name[i] == word[0] {
			word = word[1:]
		}
	}
	return word == ""
}

// editDistance returns the number of insertions, deletions, replacements and
// swaps of neighbours that turn a into b, or limit+1 when it is more than limit.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	next := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row, next = row, next, before
	}
	return min(row[len(b)], limit+1)
}
