package assets

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
)

const (
	attributesName = ".gitattributes"
	// attributes prevents git from converting the line endings of a published build
	// (https://git-scm.com/docs/gitattributes#_text).
	attributes = "* -text\n"
)

// convertedError returns the error for a file in which only the line endings have changed.
func convertedError(path string) error {
	return invalid("the line endings of the file %q were converted, as git does where the build's folder has no %s with the line \"* -text\"; publish the build again with that file", path, attributesName)
}

// lineEndingsConverted reports whether content is the file with other line endings. It reads at most twice the size
// of the file, because a conversion adds at most one byte for each line.
func lineEndingsConverted(content io.Reader, file File) bool {
	text, err := io.ReadAll(io.LimitReader(content, 2*file.Size+1))
	if err != nil {
		return false
	}
	for _, other := range [][]byte{toLF(text), bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))} {
		if sum := sha256.Sum256(other); hex.EncodeToString(sum[:]) == file.SHA256 {
			return true
		}
	}
	return false
}

// toLF replaces CRLF by LF.
func toLF(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")) }
