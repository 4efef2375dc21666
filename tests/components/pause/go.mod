// The program that holds a Pod's namespaces open.
module kubeplan.io/components/pause

go 1.26.0
