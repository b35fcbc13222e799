module github.com/mcptrace/mcptrace

go 1.26
