package assets

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
)

const (
	attributesName = ".gitattributes"
	// attributes keeps git from converting the line ends of a published build
	// (https://git-scm.com/docs/gitattributes#_text).
	attributes = "* -text\n"
)

// errConverted refuses a file of which only the line ends were changed.
func convertedError(path string) error {
	return invalid("the line ends of the file %q were converted, as git does where the build's folder has no %s with the line \"* -text\"; publish the build again with that file", path, attributesName)
}

// isConverted reports whether the content is the file with other line ends. It reads twice the size of the file at most:
// conversion adds a byte for each line.
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

// withLF converts CRLF to LF.
func toLF(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")) }
