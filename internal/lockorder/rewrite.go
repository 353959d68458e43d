package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// imported is the package whose mutexes replace those of sync.
const imported = "github.com/webstomp/webstomp/internal/lockorder/checked"

// edit replaces the bytes from start to end.
type edit struct {
	start, end int
	text       string
}

// rewrite returns a file in which each field that is a mutex of sync checks the order, and nil if there is none. A
// lock is called by its package and type: stomp.Client; one of several in a struct by that of its field as well.
// Lines keep their numbers.
//
// A mutex that is no field of a type with a name is an error, since nothing would check it.
func rewrite(path string, src []byte) ([]byte, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	r := rewriter{file: file, sync: importName(file, "sync"), replaced: make(map[ast.Node]bool)}
	for n := range ast.Preorder(file) {
		r.visitType(n)
	}
	for n := range ast.Preorder(file) {
		if r.mutex(n) != "" && !r.replaced[n] {
			return nil, fmt.Errorf("%s: a mutex that is no field of a named struct cannot be checked", fset.Position(n.Pos()))
		}
	}
	if len(r.edits) == 0 {
		return nil, nil
	}
	return r.apply(src), nil
}

type rewriter struct {
	file     *ast.File
	sync     string            // what the file calls package sync; "" if it does not import it
	replaced map[ast.Node]bool // the types that edits replace
	edits    []edit            // in the order of the file
	names    strings.Builder   // declarations of the types that name the locks
}

// mutex returns Mutex or RWMutex if n is that type of package sync.
func (r *rewriter) mutex(n ast.Node) string {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "Mutex" && sel.Sel.Name != "RWMutex" {
		return ""
	}
	if x, ok := sel.X.(*ast.Ident); !ok || r.sync == "" || x.Name != r.sync {
		return ""
	}
	return sel.Sel.Name
}

// visitType replaces the mutexes of a struct type.
func (r *rewriter) visitType(n ast.Node) {
	spec, ok := n.(*ast.TypeSpec)
	if !ok {
		return
	}
	s, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	var mutexes []*ast.Field
	locks := 0
	for _, f := range s.Fields.List {
		if r.mutex(f.Type) != "" {
			mutexes = append(mutexes, f)
			locks += max(1, len(f.Names))
		}
	}
	for _, f := range mutexes {
		r.replace(spec.Name.Name, f, locks > 1)
	}
}

// replace gives each of the mutexes that f declares a type of its own. Where the struct has several, their names are
// part of it.
func (r *rewriter) replace(typ string, f *ast.Field, several bool) {
	r.replaced[f.Type] = true
	kind := r.mutex(f.Type)
	var fields []string
	for _, id := range f.Names {
		lock := typ
		if several {
			lock += "." + id.Name
		}
		fields = append(fields, id.Name+" "+r.lockType(kind, lock))
	}
	if f.Names == nil { // embedded
		fields = []string{r.lockType(kind, typ)}
	}
	r.edits = append(r.edits, edit{r.offset(f.Pos()), r.offset(f.Type.End()), strings.Join(fields, "; ")})
}

// lockType returns the type of a lock, and declares the type that names it.
func (r *rewriter) lockType(kind, lock string) string {
	marker := "lock_" + strings.ReplaceAll(lock, ".", "_")
	fmt.Fprintf(&r.names, "\ntype %s struct{}\n\nfunc (%s) LockName() string { return %q }\n", marker, marker, r.file.Name.Name+"."+lock)
	return "checked." + kind + "[" + marker + "]"
}

// apply returns src with the edits made, the import and the names added.
func (r *rewriter) apply(src []byte) []byte {
	end := r.offset(r.file.Name.End())
	edits := slices.Insert(r.edits, 0, edit{end, end, "; import " + strconv.Quote(imported)})
	var b bytes.Buffer
	at := 0
	for _, e := range edits {
		b.Write(src[at:e.start])
		b.WriteString(e.text)
		at = e.end
	}
	b.Write(src[at:])
	fmt.Fprintf(&b, "\nvar _ %s.Locker // the import may have no other use now\n", r.sync)
	b.WriteString(r.names.String())
	return b.Bytes()
}

func (r *rewriter) offset(p token.Pos) int { return int(p - r.file.FileStart) }

// importName returns what a file calls a package of the standard library, "" if it does not import it.
func importName(file *ast.File, path string) string {
	for _, spec := range file.Imports {
		if spec.Path.Value != `"`+path+`"` {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path
	}
	return ""
}
